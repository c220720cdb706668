"""Made-up usage logs."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from gisteval.billing.made_up import made_up_log
from gisteval.billing.usage import read_usage


def test_the_example_is_what_the_generator_makes() -> None:
    example = Path(__file__).resolve().parents[2] / "examples" / "usage.jsonl"
    assert example.read_text() == made_up_log(400, 24, 0, "claude-sonnet-4-5")


def test_popularity_falls_as_zipf_says_and_rows_are_in_order() -> None:
    rows = [json.loads(line) for line in made_up_log(6000, 3, 1, "m").splitlines()]
    counts = Counter(row["prompt"] for row in rows)
    whole = 1 + 1 / 2 + 1 / 3
    for rank in (1, 2, 3):
        assert counts[f"prompt-{rank:02}"] == pytest.approx(6000 / rank / whole, abs=4 * 39)
    assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    assert len({(row["prompt"], row["shared_tokens"]) for row in rows}) == 3


def test_it_is_a_log_that_is_read(tmp_path: Path) -> None:
    (tmp_path / "log.jsonl").write_text(made_up_log(50, 4, 2, "m"))
    found = read_usage(tmp_path / "log.jsonl")
    assert len(found.requests) == 50
    assert all(800 <= request.shared <= 12_000 and request.own >= 8 for request in found.requests)
