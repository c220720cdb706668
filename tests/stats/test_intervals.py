"""Intervals of values without a range against scipy, simulation, and what they must never do."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp

from gisteval.errors import InvalidRun
from gisteval.stats import mean_interval
from gisteval.stats.intervals import FEWEST_CLUSTERS, mean_error

samples = st.lists(st.floats(-100, 100), min_size=2, max_size=60)


def clustered_sample(generator: np.random.Generator, groups: int) -> tuple[np.ndarray, list[int]]:
    """Values around 50 with half their variance between clusters of one to four."""
    labels = np.repeat(np.arange(groups), generator.integers(1, 5, size=groups))
    values = 50.0 + 10.0 * generator.normal(size=groups)[labels]
    return values + 10.0 * generator.normal(size=labels.size), labels.tolist()


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_symmetric_values_have_the_t_interval_of_scipy(confidence: float) -> None:
    half = np.random.default_rng(0).gamma(2.0, size=19)
    values = np.concatenate([5.0 + half, 5.0 - half])
    expected = ttest_1samp(values, 0.0).confidence_interval(confidence)
    estimate = mean_interval(values, confidence=confidence)
    assert estimate.value == pytest.approx(5.0)
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((expected.low, expected.high))
    assert (estimate.n, estimate.clusters, estimate.method) == (38, 38, "t-hall")


def test_skewed_values_have_more_room_on_the_side_of_the_long_tail() -> None:
    values = np.random.default_rng(0).gamma(0.7, size=37)
    expected = ttest_1samp(values, 0.0).confidence_interval(0.95)
    estimate, mirrored = mean_interval(values), mean_interval(-values)
    assert estimate.ci_low == pytest.approx(expected.low)
    assert estimate.ci_high > expected.high + 0.1 * (expected.high - expected.low)
    assert (mirrored.ci_low, mirrored.ci_high) == pytest.approx((-estimate.ci_high, -estimate.ci_low))


def test_one_example_a_cluster_is_the_plain_interval() -> None:
    values = np.random.default_rng(1).normal(size=12)
    plain, clustered = mean_interval(values), mean_interval(values, clusters=["a", None, *range(10)])
    assert (plain.ci_low, plain.ci_high) == pytest.approx((clustered.ci_low, clustered.ci_high))
    assert clustered.method == "cluster-t-hall"


@pytest.mark.parametrize(
    ("values", "clusters"),
    [
        ([3.0], None),
        (list(range(40)), ["same"] * 40),
        (list(range(FEWEST_CLUSTERS - 1)), None),
        (list(range(40)), [number % 11 for number in range(40)]),
        ([0.1] * 40, None),
        ([0.0] * 40, None),
        # One of thirteen clusters holds nearly nine examples in ten.
        (list(range(100)), [max(number - 87, 0) for number in range(100)]),
    ],
)
def test_what_bounds_nothing_has_no_interval(values: list[float], clusters: list[object] | None) -> None:
    """No width of zero, and none out of too few: one example, one cluster, equal values, a few clusters."""
    estimate = mean_interval(values, clusters)
    assert (estimate.ci_low, estimate.ci_high) == (-math.inf, math.inf)
    assert estimate.value == pytest.approx(np.mean(values))
    assert mean_error(values, clusters).p_value() == 1.0


@given(
    values=st.lists(st.floats(-100, 100), min_size=FEWEST_CLUSTERS, max_size=40),
    confidence=st.sampled_from([0.8, 0.95]),
)
def test_the_interval_leaves_out_zero_where_the_p_value_is_small(
    values: list[float], confidence: float
) -> None:
    error = mean_error(values)
    low, high = error.ends(confidence)
    if min(abs(low), abs(high)) > 1e-6 * (high - low):
        assert (low > 0.0 or high < 0.0) == (error.p_value() < 1.0 - confidence)
    assert low <= error.mean <= high


@given(values=samples, shift=st.floats(-100, 100), scale=st.floats(0.1, 10))
def test_interval_moves_and_stretches_with_the_values(
    values: list[float], shift: float, scale: float
) -> None:
    clusters = [index // 2 for index in range(len(values))]
    before = mean_interval(values, clusters)
    after = mean_interval([scale * value + shift for value in values], clusters)
    spread = max(values) - min(values)
    if spread < 1e-3:
        return  # so near to equal values that a shift's rounding decides
    for old, new in zip(
        (before.value, before.ci_low, before.ci_high),
        (after.value, after.ci_low, after.ci_high),
        strict=True,
    ):
        assert new == pytest.approx(scale * old + shift, rel=1e-6, abs=1e-6)


@given(pairs=st.lists(st.tuples(st.floats(-100, 100), st.integers(0, 12)), min_size=1), data=st.data())
def test_order_does_not_matter(pairs: list[tuple[float, int]], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(pairs))
    first, second = (
        mean_interval([value for value, _ in order], [label for _, label in order])
        for order in (pairs, shuffled)
    )
    assert first == second


@pytest.mark.parametrize(
    ("values", "clusters", "message"),
    [
        ([], None, "no values"),
        ([1.0, math.nan], None, "1 of 2 values are not finite, the first at index 1"),
        ([[1.0], [2.0]], None, "one value per example"),
        ([1.0, 2.0], ["a"], "1 cluster labels for 2 values"),
    ],
)
def test_unusable_values_are_refused(values: list[float], clusters: list[str] | None, message: str) -> None:
    with pytest.raises(InvalidRun, match=message):
        mean_interval(values, clusters)


def test_confidence_is_a_share() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        mean_interval([1.0, 2.0], confidence=95)


def test_clusters_widen_where_examples_are_alike() -> None:
    generator = np.random.default_rng(3)
    covered = {"t-hall": 0, "cluster-t-hall": 0}
    for _ in range(600):
        values, labels = clustered_sample(generator, groups=40)
        for estimate in (mean_interval(values), mean_interval(values, labels)):
            covered[estimate.method] += estimate.ci_low <= 50.0 <= estimate.ci_high
    assert 0.93 <= covered["cluster-t-hall"] / 600 <= 0.98
    assert covered["t-hall"] / 600 < 0.9
