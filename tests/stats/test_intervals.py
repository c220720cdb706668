"""Closed-form intervals against scipy, statsmodels and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_1samp
from statsmodels.stats.proportion import proportion_confint

from gisteval.errors import InvalidRun
from gisteval.stats import mean_interval, proportion_interval, wilson_interval

samples = st.lists(st.floats(-100, 100), min_size=2, max_size=30)


def clustered_sample(generator: np.random.Generator, groups: int) -> tuple[np.ndarray, list[int]]:
    """Values around 50 with half their variance between clusters of one to four."""
    labels = np.repeat(np.arange(groups), generator.integers(1, 5, size=groups))
    values = 50.0 + 10.0 * generator.normal(size=groups)[labels]
    return values + 10.0 * generator.normal(size=labels.size), labels.tolist()


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
def test_t_interval_equals_scipy(confidence: float) -> None:
    values = np.random.default_rng(0).gamma(2.0, size=37)
    expected = ttest_1samp(values, 0.0).confidence_interval(confidence)
    estimate = mean_interval(values, confidence=confidence)
    assert estimate.value == pytest.approx(values.mean())
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((expected.low, expected.high))
    assert (estimate.n, estimate.clusters, estimate.method) == (37, 37, "t")


def test_cluster_interval_equals_statsmodels() -> None:
    values, labels = clustered_sample(np.random.default_rng(1), groups=25)
    fit = sm.OLS(values, np.ones(len(values))).fit(
        cov_type="cluster", cov_kwds={"groups": np.array(labels)}, use_t=True
    )
    estimate = mean_interval(values, clusters=labels)
    assert estimate.value == pytest.approx(float(fit.params[0]))
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx(tuple(fit.conf_int(0.05)[0]))
    assert (estimate.clusters, estimate.method) == (25, "cluster-t")


def test_one_example_a_cluster_is_the_plain_interval() -> None:
    values = [1.0, 5.0, 2.0, 8.0]
    plain, clustered = mean_interval(values), mean_interval(values, clusters=["a", 1, None, "b"])
    assert (plain.ci_low, plain.ci_high) == pytest.approx((clustered.ci_low, clustered.ci_high))


@pytest.mark.parametrize("clusters", [None, ["same", "same", "same"]])
def test_unknown_spread_is_an_infinite_interval(clusters: list[str] | None) -> None:
    estimate = mean_interval([3.0] if clusters is None else [1.0, 3.0, 5.0], clusters=clusters)
    assert (estimate.value, estimate.ci_low, estimate.ci_high) == (3.0, -math.inf, math.inf)
    assert estimate.clusters == 1


@given(values=samples, shift=st.floats(-100, 100), scale=st.floats(0.1, 10))
def test_interval_moves_and_stretches_with_the_values(
    values: list[float], shift: float, scale: float
) -> None:
    clusters = [index // 2 for index in range(len(values))]
    before = mean_interval(values, clusters)
    after = mean_interval([scale * value + shift for value in values], clusters)
    for old, new in zip(
        (before.value, before.ci_low, before.ci_high),
        (after.value, after.ci_low, after.ci_high),
        strict=True,
    ):
        assert new == pytest.approx(scale * old + shift, rel=1e-6, abs=1e-6)


@given(pairs=st.lists(st.tuples(st.floats(-100, 100), st.integers(0, 3)), min_size=1), data=st.data())
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
        ([[1.0], [2.0]], None, "one value an example"),
        ([1.0, 2.0], ["a"], "1 cluster labels for 2 values"),
    ],
)
def test_unusable_values_are_refused(values: list[float], clusters: list[str] | None, message: str) -> None:
    with pytest.raises(InvalidRun, match=message):
        mean_interval(values, clusters)


def test_confidence_is_a_share() -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        mean_interval([1.0, 2.0], confidence=95)


def test_t_interval_covers_the_mean_of_skewed_scores() -> None:
    generator = np.random.default_rng(2)
    covered = 0
    for _ in range(1500):
        # Like ROUGE: skewed, with a lump of perfect scores. The mean is 0.92 * 100/3 + 8.
        values = 100.0 * generator.beta(0.8, 1.6, size=100)
        values[generator.random(100) < 0.08] = 100.0
        estimate = mean_interval(values)
        covered += estimate.ci_low <= 0.92 * 100.0 / 3.0 + 8.0 <= estimate.ci_high
    assert 0.93 <= covered / 1500 <= 0.97


def test_cluster_interval_covers_where_the_plain_one_does_not() -> None:
    generator = np.random.default_rng(3)
    covered = {"t": 0, "cluster-t": 0}
    for _ in range(1500):
        values, labels = clustered_sample(generator, groups=40)
        for estimate in (mean_interval(values), mean_interval(values, labels)):
            covered[estimate.method] += estimate.ci_low <= 50.0 <= estimate.ci_high
    assert 0.93 <= covered["cluster-t"] / 1500 <= 0.97
    assert covered["t"] / 1500 < 0.9


@given(trials=st.integers(1, 500), data=st.data(), confidence=st.floats(0.5, 0.999))
def test_wilson_equals_statsmodels(trials: int, data: st.DataObject, confidence: float) -> None:
    successes = data.draw(st.integers(0, trials))
    estimate = wilson_interval(successes, trials, confidence)
    low, high = proportion_confint(successes, trials, alpha=1 - confidence, method="wilson")
    assert estimate.value == pytest.approx(100 * successes / trials)
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((100 * low, 100 * high), abs=1e-9)


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (-1, 3), (4, 3)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    with pytest.raises(InvalidRun, match="successes in"):
        wilson_interval(successes, trials)


def test_proportion_without_clusters_is_wilson() -> None:
    assert proportion_interval([True, False, True]) == wilson_interval(2, 3)


def test_proportion_with_clusters_stays_within_its_range() -> None:
    estimate = proportion_interval([True, False, False, False, False], ["a", "b", "b", "c", "d"])
    assert estimate.method == "cluster-t"
    assert estimate.ci_low == 0.0
    assert estimate.value == pytest.approx(20.0)


@pytest.mark.parametrize("outcome", [True, False])
def test_unanimous_clusters_keep_a_width(outcome: bool) -> None:
    estimate = proportion_interval([outcome] * 6, ["a", "a", "b", "b", "c", "c"])
    expected = wilson_interval(3 if outcome else 0, 3)
    assert (estimate.ci_low, estimate.ci_high) == (expected.ci_low, expected.ci_high)
    assert (estimate.n, estimate.clusters, estimate.method) == (6, 3, "cluster-wilson")
