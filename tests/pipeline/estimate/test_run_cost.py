"""What --dry-run says, against what a run then does."""

from __future__ import annotations

from typing import Any

import pytest

from gisteval.config import RunConfig
from gisteval.pipeline.estimate.run_cost import Rates, RunCost, estimate_run
from gisteval.pipeline.estimate.text import dollars_text, duration_text
from gisteval.pipeline.run.plan import plan_run

RATE = ("--flops-per-second", "1e9")


def test_time_and_dollars_follow_from_the_rates(tiny_suite, tiny_task, dry_run) -> None:
    arguments = ("run", "--model", tiny_suite, "--task", tiny_task, "--limit", 5)
    found = dry_run(*arguments, *RATE, "--dollars-per-hour", 7.2)
    phases = [item["flops"] for item in found["estimates"]]
    expected, most = found["worker"]["expected"], found["worker"]["most"]
    parts = ("compress", "prefill", "loss")
    assert expected["flops"] == sum(p["decode"] + sum(p[name] for name in parts) for p in phases)
    assert most["flops"] == sum(p["decode_most"] + sum(p[name] for name in parts) for p in phases)
    assert expected["seconds"] == pytest.approx(expected["flops"] / 1e9)
    assert expected["dollars"] == pytest.approx(expected["seconds"] * 0.002)
    assert sum(item["most"]["flops"] for item in found["estimates"]) == most["flops"]
    assert found["judge"]["dollars_most"] == 0
    assert found["generations"] == 20


def test_without_a_rate_this_machine_is_measured(tiny_suite, tiny_task, gisteval, dry_run) -> None:
    arguments = ("run", "--model", tiny_suite, "--task", tiny_task, "--limit", 5)
    found = dry_run(*arguments)
    assert found["flops_per_second"] > 1e6
    assert found["flops_per_second_source"].startswith("measured, the best of 5 products of 1024 x 1024")
    assert found["worker"]["expected"]["dollars"] is None
    text = gisteval(*arguments, "--dry-run").out
    assert "one worker: " in text
    assert "FLOP/s (measured" in text
    assert "tiny-gist-3" in text
    assert max(map(len, text.splitlines()[1:])) <= 80  # the first line has the folder, which stays whole
    rows = [line.split() for line in gisteval(*arguments, *RATE, "--dry-run").out.splitlines()]
    (total,) = (row for row in rows if row[0] == "total")
    assert int(total[1]) == sum(int(row[1]) for row in rows if row[0].startswith("tiny-")) == 20
    whole = gisteval(*arguments, "--dry-run", "--verbose").out
    assert "prompt tokens" in whole and "prompt tokens" not in text


def test_examples_beyond_the_context_are_left_out(tiny_suite, tmp_path, write_task, dry_run) -> None:
    examples = [("say cats", "dogs", "yes"), ("say cats", "dogs " * 300, "yes")]
    task = write_task(tmp_path / "task", examples)
    found = dry_run("run", "--model", tiny_suite, "--task", task, *RATE)
    assert {(item["examples"], item["too_long"]) for item in found["estimates"]} == {(1, 1)}
    assert "tiny-gist-1 on test: 1 example exceeds the context" in found["estimate_notes"]


def test_without_a_closed_form_tokens_are_counted(write_suite, tiny_task, dry_run, gisteval) -> None:
    arguments = ("run", "--model", write_suite("gpt2"), "--task", tiny_task, *RATE)
    found = dry_run(*arguments)
    assert all(item["flops"] is None and item["tokens"]["prompt"] for item in found["estimates"])
    assert any("FLOPs left out, since there is no closed form" in note for note in found["estimate_notes"])
    assert gisteval(*arguments, "--dry-run").code == 0


def estimated(**fields: Any) -> RunCost:
    return estimate_run(plan_run(RunConfig(**fields)), Rates(1e9))


def test_what_it_can_not_know_is_said(tiny_suite, tiny_task) -> None:
    fields = {"models": (str(tiny_suite),), "task": str(tiny_task)}
    assert estimated(**fields, judge="none").judge is None
    assert estimated(**fields, judge="reference").notes == ()
    assert estimated(**fields, profile=True).notes == ("the passes of --profile are not counted",)


def test_rates_are_checked(tiny_suite, tiny_task, refused) -> None:
    arguments = ("run", "--model", tiny_suite, "--task", tiny_task)
    assert "need --dry-run" in refused(*arguments, "--dollars-per-hour", 1)
    assert "must be greater than 0" in refused(*arguments, "--dry-run", "--flops-per-second", 0)
    assert "must be greater than 0" in refused(*arguments, "--dry-run", "--dollars-per-hour", "inf")


def test_short_text() -> None:
    seconds = (0.5, 90, 600, 7200, 10**6)
    assert [duration_text(s) for s in seconds] == ["0.5 s", "90 s", "10 min", "2 h", "11.6 days"]
    assert [dollars_text(d) for d in (0.0, 0.00123, 1234.5)] == ["$0.00", "$0.0012", "$1,234.50"]
