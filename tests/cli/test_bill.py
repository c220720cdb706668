"""`gisteval bill`: a log that is made up is one that is priced."""

from __future__ import annotations

import json
from pathlib import Path


def test_a_made_up_log_is_priced_in_words_and_as_json(gisteval, tmp_path: Path) -> None:
    log = tmp_path / "usage.jsonl"
    made = gisteval("bill", log, "--make-up", 60, "--prompts", 3, "--seed", 4)
    assert made.out == f"{log}: a made-up log; next: gisteval bill {log}\n"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(rows) == 60 and {row["prompt"] for row in rows} <= {"prompt-01", "prompt-02", "prompt-03"}
    found = json.loads(gisteval("bill", log, "--kept", "10%", "--json").out)
    assert (found["requests"], found["kept"]) == (60, 0.1)
    best = found["served"][0]["costs"][0]
    assert best["dollars"] == min(cost["dollars"] for cost in found["served"][0]["costs"])
    text = gisteval("bill", log, "--kept", "10%").out
    assert text.startswith("60 requests behind 3 prompts within ")
    assert f"cheapest: {best['way']}. It saves" in " ".join(text.split())


def test_what_is_no_share_or_no_log_is_one_line(refused, tmp_path: Path) -> None:
    (tmp_path / "usage.jsonl").write_text("\n")
    assert "holds no request" in refused("bill", tmp_path / "usage.jsonl")
    assert "--kept must be a share" in refused("bill", tmp_path / "usage.jsonl", "--kept", "2")
