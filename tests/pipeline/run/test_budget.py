"""Budgets from the command line: what a truncated instruction keeps, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def truncated(gisteval, tiny_suite: Path, tmp_path: Path, write_task):
    """Runs gist-1 read through truncate on some instructions: (records by example, metrics)."""

    def run(instructions: list[str], budget: int) -> tuple[list[dict[str, Any]], Any]:
        task = tmp_path / "task"
        write_task(task, [(instruction, "", "yes") for instruction in instructions])
        output = tmp_path / "run"
        options = ["--task", task, "--judge", "none", "--output", output]
        budgeted = ["--compressor", "truncate", "--budget", budget]
        outcome = gisteval("run", "--model", tiny_suite / "gist-1", *options, *budgeted)
        assert outcome.code == 0, outcome.err
        (file,) = (output / "generations").glob("*truncate*.jsonl")
        records = [json.loads(line) for line in file.read_text().splitlines()]
        rows = json.loads((output / "results.json").read_text())["rows"]
        metrics = {row["metric"]: row["value"] for row in rows if row["compressor"] == "truncate"}
        return sorted(records, key=lambda record: record["example"]), metrics

    return run


def test_nothing_dropped_is_one(truncated) -> None:
    records, metrics = truncated(["say cats", "repeat yes or no"], 500)
    assert [record["kept"] for record in records] == [record["source_tokens"] for record in records]
    names = ("compression_requested", "compression_achieved", "compression_ratio_of_means")
    assert [metrics[name] for name in names] == [1.0, 1.0, 1.0]


def test_the_template_never_eats_the_budget(truncated) -> None:
    records, metrics = truncated(["say the first word twice", "repeat yes or no, maybe"], 4)
    for record in records:
        instruction = record["source_tokens"] - record["template_tokens"]
        assert instruction > 4
        assert record["kept"] == record["template_tokens"] + 4
        assert record["kept_template"] == record["template_tokens"] == 8 + record["example"].endswith("2")
    assert metrics["compression_achieved"] == metrics["compression_requested"] > 1
    assert metrics["kept_instruction"] == 4.0


def test_an_instruction_beyond_the_context_is_answered_if_what_is_kept_fits(truncated) -> None:
    """The tiny models' context is 256 tokens."""
    records, _ = truncated(["say cats", "say " * 400], 6)
    lengths = [(record["source_tokens"] > 256, record["kept"]) for record in records]
    assert sorted(lengths) == [(False, 8 + 3), (True, 8 + 6)]


def test_a_budget_without_a_compressor_is_refused(refused, tiny_suite: Path, tiny_task: Path) -> None:
    line = refused("run", "--model", tiny_suite / "gist-1", "--task", tiny_task, "--budget", 4)
    assert "--budget 4 has nothing to work on, no compressor is given: " in line
