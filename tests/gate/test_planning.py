"""The number of examples that a margin needs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from gated_runs import EQUAL

from gisteval.gate.options import GateOptions
from gisteval.gate.planning import Planned, plan_from_runs, plan_sampling, plan_text, plan_without_runs

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


def test_answers_that_cause_all_variance_are_worth_as_much_as_examples() -> None:
    noise = np.random.default_rng(0).normal(50.0, 10.0, (4000, 2))
    found = _plan(noise, None)
    assert found.share == pytest.approx(100.0, abs=5.0)
    assert found.twice_answers == pytest.approx(found.twice_examples, abs=2.0)
    assert found.needed[4] == pytest.approx(found.needed[2] / 2, rel=0.1)


def test_the_planner_finds_the_spreads_that_made_the_answers() -> None:
    """Between examples 6 points, between answers 8: 36 + 64 / K, over any number of them 36."""
    generator = np.random.default_rng(1)
    ours = generator.normal(50.0, 6.0, (20000, 1)) + generator.normal(0.0, 8.0, (20000, 4))
    found = _plan(ours, None)
    assert found.share == pytest.approx(100 * 16 / 52, abs=2.0)
    assert found.break_even == pytest.approx(16 * 36 / 64, rel=0.1)
    for count, variance in ((1, 100.0), (2, 68.0), (4, 52.0), (16, 40.0), (None, 36.0)):
        assert found.needed[count] == pytest.approx(variance, rel=0.05)
    # The best number of answers where an example costs c of them: with fewer, more answers pay.
    cost = {k: (found.break_even + k) * (36.0 + 64.0 / k) for k in (2, 3, 4, 5, 6)}
    assert min(cost, key=cost.__getitem__) == 4


def test_common_random_numbers_cancel() -> None:
    ours = np.random.default_rng(2).normal(50.0, 10.0, (500, 3))
    alike = ours + np.random.default_rng(3).normal(0.0, 5.0, (500, 1))
    found = _plan(ours, alike)
    assert found.share == pytest.approx(0.0, abs=1e-9) and found.twice_answers == pytest.approx(
        0.0, abs=1e-9
    )
    apart = _plan(ours, alike[:, :2])
    assert apart is not None and apart.share > 50.0


def test_answers_that_never_differ_never_pay() -> None:
    values = np.repeat(np.random.default_rng(4).normal(50.0, 9.0, (50, 1)), 2, axis=1)
    found = _plan(values, None)
    assert found.break_even is None and found.twice_answers == 0.0
    plan = Planned("s", 9.0, 50, {5.0: 20}, found)
    assert "never more answers: those to one example do not differ" in plan_text([plan], 5.0)
    assert plan_sampling(None, None, 3.0, 1.0, lambda sd: 1) is None


def test_answers_of_clustered_examples_average_out() -> None:
    """Two examples to an instruction halve the part of the answers in the instruction's variance."""
    generator = np.random.default_rng(5)
    ours = np.repeat(generator.normal(50.0, 6.0, (10000, 1)), 2, axis=0) + generator.normal(
        0.0, 8.0, (20000, 2)
    )
    by_instruction = ours.mean(axis=1).reshape(-1, 2).mean(axis=1)
    found = plan_sampling(ours, None, float(by_instruction.std(ddof=1)), 2.0, lambda sd: round(sd**2 * 100))
    assert found.needed[None] == pytest.approx(3600, rel=0.05)
    assert found.needed[1] == pytest.approx(6800, rel=0.05)


def _plan(ours, theirs):
    means = ours.mean(axis=1) - (0.0 if theirs is None else theirs.mean(axis=1))
    return plan_sampling(ours, theirs, float(means.std(ddof=1)), 1.0, lambda sd: sd**2)
