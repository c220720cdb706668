"""The number of examples that a margin needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gated_runs import EQUAL

from gisteval.gate.options import GateOptions
from gisteval.gate.planning import plan_from_runs, plan_text, plan_without_runs

MakeRun = Callable[..., Path]


def test_plans(make_run: MakeRun) -> None:
    assumed = plan_without_runs(4.0)
    assert assumed[0].needed[5.0] == 435
    assert list(assumed[0].needed) == [1.0, 2.0, 3.0, 4.0, 5.0, 7.0, 10.0]
    options = GateOptions(make_run("a", EQUAL), make_run("b", EQUAL[::-1]), margin=3.0)
    measured = plan_from_runs(options)
    assert [plan.split for plan in measured] == ["human"]
    assert measured[0].examples == 150
    text = plan_text(measured, 3.0)
    assert "margin    3 points" in text and "<- --margin" in text
    single = plan_from_runs(GateOptions(make_run("one", [0.5]), make_run("two", [0.5])))
    assert set(single[0].needed.values()) == {None}
