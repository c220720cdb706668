"""What is left of a sweep costs what its open entries cost."""

from __future__ import annotations

import json

from gisteval.pipeline.estimate.run_cost import RunCost
from gisteval.pipeline.judge.cost import JudgeCost
from gisteval.pipeline.sweep.sweep_cost import EntryCost, SweepCost

RATE = ("--flops-per-second", "1e9")


def judged_by(*judges: JudgeCost) -> SweepCost:
    """A sweep of open entries with these judges, and of a finished one."""
    costs = [*(RunCost((), judge, 1e9, "given", None, ()) for judge in judges), None]
    return SweepCost(tuple(EntryCost(str(n), None, "open", None, cost) for n, cost in enumerate(costs)))


def test_a_sweep_counts_what_is_open(tiny_suite, tiny_task, tmp_path, gisteval, dry_run) -> None:
    file = tmp_path / "sweep.yaml"
    models = json.dumps([str(tiny_suite / name) for name in ("gist-1", "gist-3", "absent")])
    file.write_text(f"common: {{task: '{tiny_task}', limit: 2, judge: none}}\ngrid: {{models: {models}}}\n")
    arguments = ("sweep", file, "--output", tmp_path / "runs")
    before = dry_run(*arguments, *RATE)
    assert not (tmp_path / "runs").exists()
    assert [entry["state"] for entry in before["entries"]] == ["open", "open", "failed"]
    assert gisteval(*arguments, "--shard", "1/3").code == 0
    after = dry_run(*arguments, *RATE)
    assert [entry["state"] for entry in after["entries"]] == ["finished", "open", "failed"]
    assert after["entries"][1] == before["entries"][1]
    assert after["worker"] == after["entries"][1]["worker"]
    totals = [entry["worker"]["most"]["flops"] for entry in before["entries"][:2]]
    assert before["worker"]["most"]["flops"] == sum(totals)
    text = gisteval(*arguments, *RATE, "--dry-run").out
    assert "all unfinished entries, one worker: " in text
    assert "does not exist" in text.replace("\n  ", " ")
    assert len(text.splitlines()[2]) <= 80


def test_a_judge_without_a_price_leaves_no_sum() -> None:
    one, two = (JudgeCost("j", 1, 1, 1, dollars) for dollars in (0.5, 0.25))
    assert judged_by(one, two).judges == 0.75
    assert judged_by(one, JudgeCost("j", 1, 1, 1, None)).judges is None
    assert judged_by().judges == 0 and judged_by().expected is None and judged_by().most is None
