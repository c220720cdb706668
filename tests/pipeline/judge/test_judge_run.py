"""`gisteval judge` as a shell calls it: verdicts, results and the report, stopped, resumed and replayed."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from pathlib import Path

import pytest

from gisteval.pipeline.judge.judge_run import judge_run
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.records.judge_figures import JudgingEntry, pair_entries
from gisteval.records.run_folder import RunFolder

N = 40
OUTPUTS = {
    "pos": [f"ref {n}" for n in range(N)],
    "same": [f"ref {n} " for n in range(N)],
    "bad": [f"nothing {n}" for n in range(N)],
}


def verdicts(run: Path, judge: str = "reference", system: str = "bad") -> list[dict]:
    file = RunFolder(run).verdicts(judge, system)
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]


def rows(run: Path, metric: str = "win_rate") -> dict[str, dict]:
    result_rows = json.loads((run / "results.json").read_text(encoding="utf-8"))["rows"]
    return {f"{row['judge']} {row['system']}": row for row in result_rows if row["metric"] == metric}


def longer_wins(number: int, body: dict) -> str:
    """A judge that likes the longer answer."""
    text = body["messages"][1]["content"]
    first, second = (text.split(f"<answer-{name}")[1].split(f"</answer-{name}")[0] for name in "AB")
    choice = "tie" if len(first) == len(second) else "A" if len(first) > len(second) else "B"
    return json.dumps({"reason": "length", "choice": choice})


def test_the_reference_judge_finds_a_collapse(gisteval, make_run) -> None:
    run = make_run(OUTPUTS)
    outcome = gisteval("judge", run)
    assert outcome.code == 0, outcome.err
    assert "Win rates on test, judge reference" in outcome.out
    win_rates = rows(run)
    assert win_rates["reference bad"]["value"] == 0.0 and win_rates["reference bad"]["n"] == N
    assert win_rates["reference same"]["value"] == 50.0
    assert {row["reference"] for row in win_rates.values()} == {"pos"}
    tied = verdicts(run, system="same")
    assert [(v["choice"], v["reply"], v["error"]) for v in tied] == [("tie", None, None)] * N
    report = (run / "report" / "report.md").read_text(encoding="utf-8")
    assert "It detects failed" in report and "Win rates, judge reference" in report
    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["judges"]["reference"]["prompt"]
    assert "|judges:reference@" in json.loads((run / "results.json").read_text())["signature"]


def test_a_judged_run_is_left_as_it_is(gisteval, make_run) -> None:
    run = make_run(OUTPUTS)
    gisteval("judge", run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert gisteval("judge", run).code == 0
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before


def test_a_chat_judge_is_asked_in_both_orders(gisteval, make_run, chat_server, judging_cache) -> None:
    chat_server.answer = longer_wins
    run = make_run(OUTPUTS)
    outcome = gisteval("judge", run, "--judge", "openai", "--base-url", chat_server.url, "--json")
    assert outcome.code == 0, outcome.err
    win_rates = rows(run)
    assert win_rates["openai bad"]["value"] == 100.0
    assert win_rates["openai same"]["value"] == 50.0
    entries = {(e["kind"], e["system"]): e for e in json.loads(outcome.out)}
    pairs, control = entries["pairs", "bad"], entries["control", "pos"]
    assert (pairs["wins"], pairs["looks"], pairs["errors"], pairs["equal_outputs"]) == (N, 2 * N, 0, 0)
    assert pairs["flip_rate"]["value"] == 0.0
    assert pairs["first_shown_share"]["value"] == 50.0
    assert pairs["longer_share"] is None  # words, of which both have two
    # kappa says nothing of a judge that gives one and the same answer
    assert pairs["again"] == {"n": 20, "agreement": 100.0, "kappa": None}
    assert pairs["prompt_tokens"] == 100 * (2 * N + 20)
    assert pairs["cost"] == pytest.approx(100 * (100 * 0.75 + 10 * 4.5) / 1e6)
    assert (control["ties"], control["answered"]) == (100.0, 20)
    kinds = Counter((v["purpose"], v["order"]) for v in verdicts(run, "openai"))
    assert kinds == {("main", "ab"): N, ("main", "ba"): N, ("again", "ab"): 10, ("again", "ba"): 10}
    assert len(chat_server.requests) == 2 * N + 20 + 20  # none for the equal outputs


def test_a_judge_that_only_sees_positions_is_detected(
    gisteval, make_run, chat_server, judging_cache
) -> None:
    run = make_run(OUTPUTS)
    gisteval("judge", run, "--judge", "openai", "--base-url", chat_server.url)
    entry = next(e for e in RunFolder.open(run).judging() if e.system == "bad")
    assert entry.win_rate.value == 50.0
    assert entry.flip_rate.value == entry.first_shown_share.value == 100.0
    assert entry.order_effect.value == pytest.approx(100.0)
    control = next(e for e in RunFolder.open(run).judging() if e.kind == "control")
    assert (control.ties, control.first_shown_share) == (0.0, 100.0)


def test_a_chat_judge_works_where_a_loop_is_running(make_run, chat_server, judging_cache) -> None:
    chat_server.answer = longer_wins
    options = JudgeOptions("openai", base_url=chat_server.url)

    async def in_a_notebook() -> list[JudgingEntry]:
        return judge_run(make_run(OUTPUTS), options)

    entries = {entry.system: entry for entry in pair_entries(asyncio.run(in_a_notebook()))}
    assert entries["bad"].win_rate.value == 100.0


def test_a_failed_comparison_is_asked_again_and_only_it(
    gisteval, make_run, chat_server, judging_cache
) -> None:
    run = make_run(OUTPUTS)
    chat_server.answer = lambda number, body: (
        {"status": 500, "body": b"{}"} if number == 7 else longer_wins(number, body)
    )
    command = ("judge", run, "--judge", "openai", "--base-url", chat_server.url, "--retries", 0)
    assert gisteval(*command).code == 0
    failed = [v for v in verdicts(run, "openai") if v["choice"] == "error"]
    failed += [v for v in verdicts(run, "openai", "pos") if v["choice"] == "error"]
    assert len(failed) == 1 and "status 500" in failed[0]["error"] and failed[0]["reply"] is None
    asked = len(chat_server.requests)
    assert gisteval(*command).code == 0
    assert len(chat_server.requests) == asked + 1
    assert sum(entry.errors for entry in pair_entries(RunFolder.open(run).judging())) == 0


def test_more_than_two_percent_without_an_answer_is_no_result(
    gisteval, refused, make_run, chat_server, judging_cache
) -> None:
    run = make_run(OUTPUTS)
    chat_server.answer = lambda number, body: "I refuse" if number % 10 == 0 else '{"choice": "A"}'
    line = refused("judge", run, "--judge", "openai", "--base-url", chat_server.url, code=4)
    assert "unreadable), more than 2%" in line
    kept = verdicts(run, "openai")
    assert {v["reply"] for v in kept if v["choice"] == "invalid"} == {"I refuse"}
    assert "no conclusion holds" in (run / "report" / "report.md").read_text()
    row = rows(run)["openai bad"]
    assert row["failures"] + row["n"] == N and row["failures"] > 0


def test_replies_are_shared_through_the_cache_but_failures_are_not(
    gisteval, make_run, chat_server, judging_cache
) -> None:
    first = make_run(OUTPUTS, "first")
    second = make_run(OUTPUTS, "second")
    chat_server.answer = lambda number, body: "what?" if number == 3 else longer_wins(number, body)
    for run in (first, second):
        gisteval("judge", run, "--judge", "openai", "--base-url", chat_server.url)
        if run == first:
            asked = len(chat_server.requests)
    assert len(chat_server.requests) == asked + 1
    key = ("key", "choice", "reply")
    assert {tuple(v[k] for k in key) for v in verdicts(second, "openai")} >= {
        tuple(v[k] for k in key) for v in verdicts(first, "openai") if v["choice"] != "invalid"
    }
    assert all(v["choice"] != "invalid" for v in verdicts(second, "openai"))
    assert sum(v["cost"] for v in verdicts(second, "openai")) < 2e-4


def test_max_cost_stops_and_the_same_command_goes_on(
    gisteval, refused, make_run, chat_server, judging_cache
) -> None:
    chat_server.answer = longer_wins
    run, whole = make_run(OUTPUTS), make_run(OUTPUTS, "whole")
    command = ("--judge", "openai", "--base-url", chat_server.url)
    line = refused("judge", run, *command, "--max-cost", 0.006, code=4)
    assert "stopped at $0.00" in line and "the same command continues" in line
    done = len(verdicts(run, "openai"))
    assert 0 < done < 100
    assert gisteval("judge", run, *command).code == 0
    assert gisteval("judge", whole, *command).code == 0
    key = ("key", "choice", "reply", "order", "purpose")
    assert sorted([v[k] for k in key] for v in verdicts(run, "openai")) == sorted(
        [v[k] for k in key] for v in verdicts(whole, "openai")
    )
    assert rows(run) == rows(whole)


def test_a_torn_last_line_is_repaired(gisteval, make_run) -> None:
    run, whole = make_run(OUTPUTS), make_run(OUTPUTS, "whole")
    gisteval("judge", whole)
    gisteval("judge", run, "--limit", 20)
    file = RunFolder(run).verdicts("reference", "bad")
    file.write_bytes(file.read_bytes()[:-30])
    assert gisteval("judge", run).code == 0
    assert sorted(map(str, verdicts(run))) == sorted(map(str, verdicts(whole)))
    assert rows(run) == rows(whole)


def test_a_run_keeps_its_judges_when_it_is_run_again(gisteval, tiny_suite, tiny_task, tmp_path) -> None:
    command = ("run", "--model", tiny_suite, "--task", tiny_task, "--output", tmp_path / "run")
    outcome = gisteval(*command, "--judge", "reference")
    assert outcome.code == 0, outcome.err
    before = rows(tmp_path / "run")
    assert set(before) == {f"reference tiny-{name}" for name in ("gist-1", "gist-3", "neg_control-1")}
    assert gisteval(*command, "--judge", "none").code == 0
    assert rows(tmp_path / "run") == before
    shutil.rmtree(tmp_path / "run")
    assert gisteval(*command, "--judge", "none").code == 0
    assert rows(tmp_path / "run") == {}
