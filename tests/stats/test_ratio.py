"""Ratios of means: the definition, coverage, and what bounds nothing."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gisteval.errors import InvalidRun
from gisteval.stats import bounded_mean, mean_interval, ratio_of_means, retention


def three_systems(
    generator: np.random.Generator, labels: np.ndarray, gap: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Candidate, positive and negative control in percent; the candidate keeps 80% of the gap."""
    difficulty = generator.uniform(-20.0, 20.0, size=labels.max() + 1)[labels]
    negative, candidate, positive = (
        40.0 + kept * gap + difficulty * (0.5 + kept / 2) + generator.uniform(-20, 20, size=labels.size)
        for kept in (0.0, 0.8, 1.0)
    )
    return candidate, positive, negative


@pytest.mark.parametrize("percent", [True, False])
def test_retention_of_the_controls_themselves_is_no_certainty(percent: bool) -> None:
    _, positive, negative = three_systems(np.random.default_rng(6), np.arange(200), gap=18.0)
    full = retention(positive, positive, negative, percent=percent)
    none = retention(negative, positive, negative, percent=percent)
    assert full.value == pytest.approx(100.0) and none.value == 0.0
    assert full.ci_low < 99.0 and full.ci_high > 101.0
    assert none.ci_low < -1.0 and none.ci_high > 1.0
    assert math.isfinite(full.ci_low) == percent


@pytest.mark.parametrize("percent", [True, False])
def test_the_interval_holds_every_ratio_that_is_not_excluded(percent: bool) -> None:
    candidate, positive, negative = three_systems(np.random.default_rng(1), np.arange(60), gap=30.0)
    estimate = retention(candidate, positive, negative, percent=percent)
    assert (estimate.n, estimate.clusters, estimate.method) == (60, 60, "test-inversion")
    assert estimate.value == pytest.approx(
        100.0 * (candidate - negative).mean() / (positive - negative).mean()
    )
    for end, lower in ((estimate.ci_low, True), (estimate.ci_high, False)):
        rest = mean_interval(candidate - negative - end / 100.0 * (positive - negative))
        assert (rest.ci_low if lower else rest.ci_high) == pytest.approx(0.0, abs=1e-4)


@pytest.mark.parametrize(("size", "lost"), [(9, 2), (60, 0)])
def test_where_t_has_no_interval_scores_have_the_bounded_one(size: int, lost: int) -> None:
    """Too few examples, or no spread around the ratio: here the candidate is its control."""
    positive, negative = np.full(size, 90.0), np.zeros(size)
    candidate = np.where(np.arange(size) < lost, 0.0, positive)
    estimate = retention(candidate, positive, negative, percent=True)
    assert estimate.ci_low < estimate.value - 1.0 and estimate.ci_high > estimate.value + 1.0
    for end, lower in ((estimate.ci_low, True), (estimate.ci_high, False)):
        rest = candidate - negative - end / 100.0 * (positive - negative)
        reach = 100.0 * max(1.0, end / 100.0)
        mean = bounded_mean(rest, -reach, reach)
        assert (mean.p_at_most(0.0) if lower else mean.p_at_least(0.0)) == pytest.approx(0.025, abs=1e-4)
    assert retention(candidate, positive, negative, percent=False).ci_low == -np.inf


def test_a_loss_is_retained_like_a_score() -> None:
    """Of a loss, the positive control has less: the same share with the same interval."""
    candidate, positive, negative = three_systems(np.random.default_rng(2), np.arange(60), gap=30.0)
    score, loss = (
        retention(sign * candidate, sign * positive, sign * negative, percent=False) for sign in (1.0, -1.0)
    )
    assert (score.value, score.ci_low, score.ci_high) == pytest.approx(
        (loss.value, loss.ci_low, loss.ci_high)
    )


@pytest.mark.parametrize(("clustered", "percent"), [(False, True), (True, True), (True, False)])
def test_retention_covers_the_true_share(clustered: bool, percent: bool) -> None:
    generator = np.random.default_rng(8)
    covered = 0
    for _ in range(300):
        labels = np.repeat(np.arange(80), 2) if clustered else np.arange(160)
        estimate = retention(
            *three_systems(generator, labels, gap=20.0), clusters=labels.tolist(), percent=percent
        )
        assert math.isfinite(estimate.ci_low)
        covered += estimate.ci_low <= 80.0 <= estimate.ci_high
    assert covered / 300 >= 0.93


@pytest.mark.parametrize("percent", [True, False])
def test_controls_that_are_not_apart_leave_retention_unbounded(percent: bool) -> None:
    generator = np.random.default_rng(9)
    unbounded = covered = 0
    for _ in range(60):
        estimate = retention(*three_systems(generator, np.arange(100), gap=1.0), percent=percent)
        unbounded += math.isinf(estimate.ci_low) and math.isinf(estimate.ci_high)
        covered += estimate.ci_low <= 80.0 <= estimate.ci_high
    assert unbounded >= 54
    assert covered >= 57


def test_what_bounds_nothing_has_no_interval() -> None:
    same = retention([1.0, 2.0], [3.0, 1.0], [1.0, 3.0], percent=True)
    assert math.isnan(same.value) and math.isinf(same.ci_low)
    one = retention([80.0] * 5, [100.0] * 5, [0.0] * 5, clusters=["a"] * 5, percent=True)
    assert (one.value, one.ci_low) == (80.0, -math.inf)


def test_ratio_of_means() -> None:
    generator = np.random.default_rng(3)
    below = generator.gamma(4.0, size=50)
    estimate = ratio_of_means(3.0 * below + generator.normal(size=50), below)
    assert estimate.ci_low < 3.0 < estimate.ci_high
    assert estimate.ci_high - estimate.ci_low < 0.3
    # Equal ratios throughout show no spread, and so no certainty.
    equal = ratio_of_means(3.0 * below, below)
    assert (equal.value, equal.ci_low, equal.ci_high) == (pytest.approx(3.0), -math.inf, math.inf)
    constant = ratio_of_means(below, np.full(50, 2.0))
    assert math.isfinite(constant.ci_low)


def test_mismatched_systems_are_refused() -> None:
    with pytest.raises(InvalidRun, match="candidate 2, positive 2, negative 1 values"):
        retention([1.0, 2.0], [3.0, 1.0], [1.0], percent=True)
