"""`gisteval judge --until-decided`: stops at a verdict of the sequential gate, and says what that saved."""

from __future__ import annotations

import json

import pytest

from gisteval.judging.human import HUMAN
from gisteval.pipeline.judge.options import JudgeOptions
from gisteval.records.run_folder import RunFolder
from gisteval.stats import MARGIN

N = 160
POSITIVE = [f"ref {n}" for n in range(N)]
GOOD = [f"ref  {n}" for n in range(N)]  # another text, and as good a one
BAD = [f"nothing {n}" for n in range(N)]


def prefers_the_reference(number: int, body: dict) -> str:
    """A judge that likes answers that begin as the reference does, and finds two of them equal."""
    text = body["messages"][1]["content"]
    first, second = ("ref" in text.split(f"<answer-{n}")[1].split(f"</answer-{n}")[0] for n in "AB")
    return json.dumps({"reason": "", "choice": "tie" if first == second else "A" if first else "B"})


def judged(run) -> int:
    file = RunFolder(run).verdicts("openai", "candidate")
    return len({json.loads(line)["pair"] for line in file.read_text().splitlines()})


def test_it_stops_at_a_verdict_and_asks_no_more(gisteval, make_run, chat_server, judging_cache) -> None:
    chat_server.answer = prefers_the_reference
    server = ("--judge", "openai", "--base-url", chat_server.url)
    run = make_run({"pos": POSITIVE[:40], "candidate": BAD[:40]}, "run")
    asked = ("--baseline", run, "--system", "candidate", "--baseline-system", "pos")
    ended = gisteval("judge", run, *server, "--until-decided", *asked, "--json")
    assert ended.code == 0, ended.err
    decision = json.loads(ended.out)["decision"]
    assert (decision["outcome"], decision["looks"]) == ("FAIL", 1)
    assert decision["pairs"]["test"] == judged(run) == 16
    assert decision["cost_saved"] == pytest.approx(decision["cost"] / decision["made"] * decision["saved"])
    assert decision["made"] == len(chat_server.requests)
    assert gisteval("gate", run, *asked, "--judge", "openai", "--sequential").code == 1
    # Judging on to the end makes exactly the comparisons that were saved.
    before = len(chat_server.requests)
    assert gisteval("judge", run, *server).code == 0
    assert len(chat_server.requests) - before == decision["saved"] > 0


def test_equal_systems_pass_early(gisteval, make_run) -> None:
    run = make_run({"pos": POSITIVE, "candidate": GOOD, "lower": BAD}, "run")
    manifest = json.loads((run / "manifest.json").read_text())
    lower = next(system for system in manifest["systems"] if system["name"] == "lower")
    lower |= {"role": "negative", "condition": "neg_control", "control": "trained"}
    (run / "manifest.json").write_text(json.dumps(manifest))
    ended = gisteval(
        "judge", run, "--until-decided", "--baseline", run, "--system", "candidate",
        "--baseline-system", "pos",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    assert ended.out.startswith("Win rates") and "PASS: test PASS after" in ended.out
    pairs = {json.loads(line)["pair"] for line in RunFolder(run).verdicts("reference", "candidate").open()}
    assert len(pairs) < N
    assert {
        json.loads(line)["pair"] for line in RunFolder(run).verdicts("reference", "lower").open()
    } == pairs


def test_a_baseline_of_another_run_must_be_judged(refused, make_run) -> None:
    run = make_run({"pos": POSITIVE, "candidate": GOOD}, "run")
    other = make_run({"pos": POSITIVE, "candidate": GOOD}, "other")
    assert "was not judged by reference" in refused(
        "judge", run, "--until-decided", "--baseline", other, code=4
    )
    assert not RunFolder(run).verdicts("reference", "candidate").exists()
    assert "need each other" in refused("judge", run, "--baseline", other)
    assert "leave --limit out" in refused(
        "judge", run, "--baseline", other, "--until-decided", "--limit", "3"
    )


def test_the_same_judge_compares_two_runs(gisteval, make_run) -> None:
    run = make_run({"pos": POSITIVE, "candidate": GOOD}, "run")
    other = make_run({"pos": POSITIVE, "candidate": BAD}, "other")
    assert gisteval("judge", run).code == 0
    ended = gisteval("judge", other, "--until-decided", "--baseline", run)
    assert ended.code == 0, ended.err
    assert "FAIL: test FAIL after 16 of 160 pairs" in ended.out
    assert "saved" in ended.out and HUMAN not in ended.out


def test_the_margin_is_the_gate_s_own() -> None:
    assert JudgeOptions().margin == MARGIN
