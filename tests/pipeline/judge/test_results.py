"""From the verdicts of all judges of a run to its results and report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.pipeline.judge.results import update_judging
from gisteval.records.run_folder import RunFolder

N = 40
OUTPUTS = {
    "pos": [f"ref {n}" for n in range(N)],
    "same": [f"ref {n} " for n in range(N)],
    "bad": [f"nothing {n}" for n in range(N)],
}


def rows(run: Path, metric: str = "win_rate") -> dict[str, dict]:
    result_rows = json.loads((run / "results.json").read_text(encoding="utf-8"))["rows"]
    return {f"{row['judge']} {row['system']}": row for row in result_rows if row["metric"] == metric}


def test_two_judges_stand_side_by_side(gisteval, make_run, chat_server, judging_cache) -> None:
    run = make_run(OUTPUTS)
    gisteval("judge", run)
    chat = ("--judge", "openai", "--base-url", chat_server.url)
    gisteval("judge", run, *chat)
    gisteval("judge", run, *chat, "--model", "other")
    judges = {"reference", "openai", "openai:other"}
    assert set(rows(run)) == {f"{judge} {system}" for judge in judges for system in ("bad", "same")}
    assert {row["value"] for key, row in rows(run).items() if "same" in key} == {50.0}


def test_a_limit_is_said_in_the_report(gisteval, make_run) -> None:
    run = make_run(OUTPUTS)
    assert gisteval("judge", run, "--limit", 20).code == 0
    assert rows(run)["reference bad"]["n"] == 20
    assert "20 of 40 pairs are judged so far" in (run / "report" / "report.md").read_text()


def test_the_results_follow_from_the_verdicts_alone(gisteval, make_run) -> None:
    """Win 100, tie 50, loss 0, the mean of two orders; made again they are the same to the byte."""
    mixed = {**OUTPUTS, "bad": [*OUTPUTS["bad"][:10], *OUTPUTS["pos"][10:]]}
    run = make_run(mixed)
    assert gisteval("judge", run).code == 0
    folder, file = RunFolder.open(run), run / "results.json"
    before = file.read_bytes()
    points = {"a": 100.0, "tie": 50.0, "b": 0.0}
    main = [v for v in folder.file_verdicts("reference", "bad") if v.purpose == "main"]
    assert {v.choice for v in main} == {"tie", "b"}
    shown = {pair: [points[v.choice] for v in main if v.pair == pair] for pair in {v.pair for v in main}}
    expected = sum(sum(scores) / len(scores) for scores in shown.values()) / len(shown)
    assert rows(run)["reference bad"]["value"] == pytest.approx(expected) == pytest.approx(37.5)
    with RunFolder.editing(run) as edited:
        entries = update_judging(edited)
    assert file.read_bytes() == before
    assert RunFolder.open(run).judging() == entries
