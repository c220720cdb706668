"""The gate's rule on values alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gisteval.errors import InvalidRun
from gisteval.gate.decision import (
    Check,
    adjust,
    difference_check,
    examples_to_show,
    floor_check,
    overall,
    power,
)

NAN = math.nan


def check(differences: list[float] | np.ndarray, margin: float = 5.0) -> Check:
    """The check of a candidate that is better by these points, around 50."""
    values = np.asarray(differences, dtype=np.float64)
    return difference_check(50.0 + values / 2.0, 50.0 - values / 2.0, list(range(values.size)), margin)


def spread(mean: float, sd: float, n: int) -> np.ndarray:
    return mean + sd * np.resize([-1.0, 1.0], n)


@pytest.mark.parametrize(
    ("differences", "outcome"),
    [
        (spread(0.0, 20.0, 400), "PASS"),
        (spread(-2.5, 5.0, 400), "PASS"),  # worse for certain, but within the margin
        (spread(-20.0, 20.0, 400), "FAIL"),
        (spread(-5.0, 20.0, 400), "FAIL"),
        (spread(0.0, 60.0, 60), "INCONCLUSIVE"),
        (spread(-5.0, 60.0, 60), "INCONCLUSIVE"),
        (np.zeros(50), "INCONCLUSIVE"),  # ties alone exclude a loss of 5 points from 59 examples on
        (np.zeros(62), "PASS"),
        (np.zeros(1), "INCONCLUSIVE"),
        (-100.0 * np.ones(3), "INCONCLUSIVE"),
        (-100.0 * np.ones(7), "FAIL"),
    ],
)
def test_outcomes(differences: np.ndarray, outcome: str) -> None:
    found = check(differences)
    assert found.outcome == outcome
    low, high = found.estimate.ci_low, found.estimate.ci_high
    expected = "PASS" if low > -5.0 else "FAIL" if high < 0.0 else "INCONCLUSIVE"
    assert expected == outcome


def test_missing_values_that_could_change_a_pass_are_a_fail() -> None:
    ours = np.full(80, 50.0)
    theirs = np.full(80, 50.0)
    labels = [str(i) for i in range(80)]
    assert difference_check(ours, theirs, labels, 5.0).outcome == "PASS"
    for side, index in ((ours, 3), (theirs, 5)):
        side[index] = NAN
    found = difference_check(ours, theirs, labels, 5.0)
    assert (found.estimate.n, found.missing, found.outcome) == (78, 2, "FAIL")
    assert found.rests_on_missing
    wide = difference_check(ours, theirs, labels, 30.0)
    assert (wide.outcome, wide.rests_on_missing) == ("PASS", False)
    with pytest.raises(InvalidRun, match="no values"):
        difference_check(np.full(80, NAN), theirs, labels, 5.0)


def test_missing_values_of_a_candidate_that_does_not_pass_change_nothing() -> None:
    ours, theirs = np.append(np.zeros(30), NAN), np.full(31, 100.0)
    found = difference_check(ours, theirs, list("abcdefghijklmnopqrstuvwxyz12345"), 5.0)
    assert (found.outcome, found.rests_on_missing) == ("FAIL", False)


@pytest.mark.parametrize(
    ("rate", "n", "outcome"),
    [(60, 1000, "PASS"), (40, 1000, "FAIL"), (50, 1000, "INCONCLUSIVE"), (60, 20, "INCONCLUSIVE")],
)
def test_floor(rate: int, n: int, outcome: str) -> None:
    values = np.resize([100.0] * (rate // 10) + [0.0] * (10 - rate // 10), n)
    assert floor_check(values, list(range(n)), 50.0).outcome == outcome


def test_several_splits_are_adjusted_for_fails_only() -> None:
    one = check(spread(-20.0, 60.0, 40))
    assert one.outcome == "FAIL" and 0.01 < one.p_below < 0.05
    fine = check(np.zeros(100))
    adjusted = adjust([one, fine, fine])
    assert [found.outcome for found in adjusted] == ["INCONCLUSIVE", "PASS", "PASS"]
    assert adjusted[0].p_below_adjusted == pytest.approx(3 * one.p_below)
    assert adjusted[0].estimate == one.estimate


def test_overall() -> None:
    assert overall(["PASS", "PASS"]) == "PASS"
    assert overall(["PASS", "INCONCLUSIVE"]) == "INCONCLUSIVE"
    assert overall(["INCONCLUSIVE", "FAIL", "PASS"]) == "FAIL"


def test_252_win_rates_show_about_seven_points() -> None:
    differences = spread(0.0, 40.0, 252)
    labels = list(range(252))
    estimate = check(differences).estimate
    found = power(differences, labels, 5.0, estimate)
    assert found.detectable == pytest.approx(7.1, abs=0.05)
    assert found.needed == examples_to_show(40.0 * math.sqrt(252 / 251), 5.0, 5.0)
    # The same examples in pairs: half as many independent ones, and all of a pair alike.
    doubled = power(np.repeat(differences, 2), np.repeat(labels, 2).tolist(), 5.0, estimate)
    assert doubled.detectable == pytest.approx(found.detectable)
    assert doubled.needed in (2 * found.needed, 2 * found.needed - 1)


def test_needed_examples_at_the_edges() -> None:
    assert examples_to_show(0.0, 5.0, 5.0) == 59  # 0.95 ** 59 is the first power below 5%
    assert examples_to_show(40.0, 0.0, 5.0) is None
    assert examples_to_show(40.0, 0.001, 5.0) is None
    ties = power(np.zeros(30), list(range(30)), 5.0, check(np.zeros(30)).estimate)
    assert ties.needed == 59
    assert ties.detectable == pytest.approx(9.5, abs=0.3)
    assert power(np.zeros(1), [0], 5.0, check(np.zeros(1)).estimate).needed is None


def test_the_examples_needed_are_enough() -> None:
    """Equal systems pass in about 80% of the samples of the size that is asked for."""
    generator = np.random.default_rng(3)
    n = examples_to_show(40.0, 8.0, 8.0)
    assert n is not None
    values = np.array([-100.0, -50.0, 0.0, 50.0, 100.0])
    chances = np.array([0.05, 0.12, 0.66, 0.12, 0.05])  # of standard deviation 40
    assert math.sqrt(chances @ values**2) == pytest.approx(40.0)
    samples = generator.choice(values, size=(600, n), p=chances)
    passed = sum(check(sample, 8.0).outcome == "PASS" for sample in samples)
    assert passed / 600 == pytest.approx(0.8, abs=0.05)


def test_false_alarms_of_the_whole_gate() -> None:
    """Two correlated systems on three splits whose instructions are shared by two examples.

    Where one is truly worse by the margin on one of the splits a PASS of all is false; where both are
    equal, a FAIL of any.
    """
    generator = np.random.default_rng(11)
    labels = np.repeat(np.arange(150), 2)
    runs, passes, fails = 300, 0, 0
    for _ in range(runs):
        equal, worse = [], []
        for lost in (0.1, 0.0, 0.0):
            common = generator.normal(size=150)[labels] + generator.normal(size=300)
            ours, theirs = (
                np.round(np.clip(common + 0.5 * generator.normal(size=300), -1, 1)) for _ in "ab"
            )
            equal.append(difference_check(50.0 + 50.0 * ours, 50.0 + 50.0 * theirs, labels.tolist(), 5.0))
            # A tenth of the first split loses 20 points: 2 points in the mean, which is the margin.
            ours = np.where(generator.random(300) < lost, theirs - 0.5, theirs)
            worse.append(difference_check(60.0 + 40.0 * ours, 60.0 + 40.0 * theirs, labels.tolist(), 2.0))
        fails += overall([found.outcome for found in adjust(equal)]) == "FAIL"
        passes += overall([found.outcome for found in adjust(worse)]) == "PASS"
    assert fails / runs <= 0.05
    assert passes / runs <= 0.05
