"""Bounds for bounded values: Clopper-Pearson and t as special cases, and false alarms by simulation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, t
from statsmodels.stats.proportion import proportion_confint

from gisteval.errors import InvalidRun
from gisteval.stats import bounded_mean, mean_interval, percent_interval, proportion_interval

MARGIN = -0.05
GRID = np.array([-1.0, -0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75, 1.0])

# Chances of each value of GRID where a pair is lost and where it is won.
SHAPES = {
    "lost whole, won whole": ({-1.0: 1.0}, {1.0: 1.0}),
    "lost whole, won by little": ({-1.0: 1.0}, {0.25: 1.0}),
    "lost by little, won whole": ({-0.25: 1.0}, {1.0: 1.0}),
    "mixed": ({-1.0: 0.3, -0.5: 0.4, -0.25: 0.3}, {1.0: 0.3, 0.5: 0.4, 0.25: 0.3}),
}


@pytest.mark.parametrize(("wins", "n"), [(0, 50), (3, 50), (50, 50), (120, 252), (1, 2252)])
def test_two_values_give_the_clopper_pearson_interval(wins: int, n: int) -> None:
    estimate = bounded_mean([1.0] * wins + [0.0] * (n - wins), 0.0, 1.0).interval(0.9)
    low, high = proportion_confint(wins, n, alpha=0.1, method="beta")
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((low, high), abs=0.02 * (high - low))
    assert (estimate.n, estimate.clusters, estimate.method) == (n, n, "gaffke")


def test_many_symmetric_values_give_the_t_interval() -> None:
    values = np.random.default_rng(0).uniform(-1.0, 1.0, size=2252)
    ours, theirs = bounded_mean(values, -1.0, 1.0).interval(0.9), mean_interval(values, confidence=0.9)
    width = theirs.ci_high - theirs.ci_low
    assert ours.value == theirs.value
    assert (ours.ci_low, ours.ci_high) == pytest.approx((theirs.ci_low, theirs.ci_high), abs=0.04 * width)


@pytest.mark.parametrize("clustered", [False, True])
def test_p_values_equal_those_of_random_weights(clustered: bool) -> None:
    """The definition: shares of exponential variables, with one more value at the end of the range."""
    generator = np.random.default_rng(2)
    values = generator.choice(GRID, size=40, p=[0.02, 0.02, 0.05, 0.05, 0.6, 0.1, 0.05, 0.05, 0.06])
    labels = np.repeat(np.arange(16), [1, 4] * 8) if clustered else np.arange(40)
    sums, sizes = np.bincount(labels, values), np.bincount(labels)
    weights = generator.standard_exponential((200_000, sums.size + 1))
    mean = bounded_mean(values, -1.0, 1.0, labels.tolist())
    for end, p_value in ((-1.0, mean.p_at_most), (1.0, mean.p_at_least)):
        totals = weights @ np.append(sums, end * sizes.max())
        drawn = totals / (weights @ np.append(sizes, sizes.max()))
        for share in (0.01, 0.05, 0.5):
            threshold = float(np.quantile(drawn, share if end < 0 else 1.0 - share))
            assert p_value(threshold) == pytest.approx(share, abs=0.001 + 0.02 * share)


@given(
    values=st.lists(st.sampled_from(GRID.tolist()), min_size=2, max_size=40),
    threshold=st.floats(-1.0, 1.0),
    confidence=st.sampled_from([0.5, 0.8, 0.9, 0.95]),
)
def test_the_limits_and_the_p_values_agree(
    values: list[float], threshold: float, confidence: float
) -> None:
    mean = bounded_mean(values, -1.0, 1.0)
    estimate = mean.interval(confidence)
    tail = 0.5 - confidence / 2.0
    if abs(threshold - estimate.ci_low) > 1e-6:
        assert (mean.p_at_most(threshold) <= tail) == (estimate.ci_low > threshold)
    if abs(threshold - estimate.ci_high) > 1e-6:
        assert (mean.p_at_least(threshold) <= tail) == (estimate.ci_high < threshold)
    assert -1.0 <= estimate.ci_low <= estimate.value + 1e-12 and estimate.value <= estimate.ci_high + 1e-12


def test_the_order_does_not_matter() -> None:
    generator = np.random.default_rng(1)
    values, labels = generator.choice(GRID, size=90), generator.integers(0, 40, size=90)
    order = generator.permutation(90)
    first = bounded_mean(values, -1.0, 1.0, labels.tolist()).interval()
    again = bounded_mean(values[order], -1.0, 1.0, labels[order].tolist()).interval()
    assert first == again


@pytest.mark.parametrize(("values", "labels"), [([0.5], None), ([1.0] * 200, ["same"] * 200)])
def test_one_example_or_one_cluster_shows_nothing(values: list[float], labels: list[str] | None) -> None:
    mean = bounded_mean(values, -1.0, 1.0, labels)
    estimate = mean.interval()
    assert (estimate.value, estimate.ci_low, estimate.ci_high) == (values[0], -np.inf, np.inf)
    assert (mean.p_at_most(-1.0), mean.p_at_least(1.0), mean.p_value(0.0)) == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("value", [0.0, 37.5, 100.0])
@pytest.mark.parametrize("n", [2, 10, 1000])
def test_equal_values_are_no_certainty(value: float, n: int) -> None:
    estimate = percent_interval([value] * n)
    assert estimate.ci_high - estimate.ci_low > 100.0 / (2.0 * n)
    assert 0.0 <= estimate.ci_low <= value <= estimate.ci_high <= 100.0


def test_a_share_is_that_of_its_outcomes() -> None:
    outcomes, labels = [True, False, False, True, False], list("abbcd")
    expected = percent_interval([100.0, 0.0, 0.0, 100.0, 0.0], labels)
    assert proportion_interval(outcomes, labels) == expected
    assert expected.value == pytest.approx(40.0)


@given(
    values=st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=30),
    thresholds=st.tuples(st.floats(-1.0, 1.0), st.floats(-1.0, 1.0)),
)
def test_p_values_rise_with_the_threshold(values: list[float], thresholds: tuple[float, float]) -> None:
    low, high = sorted(thresholds)
    mean, mirrored = bounded_mean(values, -1.0, 1.0), bounded_mean([-v for v in values], -1.0, 1.0)
    assert 0.0 <= mean.p_at_most(low) <= mean.p_at_most(high) + 1e-6 <= 1.0 + 1e-6
    assert mean.p_at_least(low) == pytest.approx(mirrored.p_at_most(-low), abs=1e-9)


def test_unusable_values_are_refused() -> None:
    with pytest.raises(InvalidRun, match=r"values from -2 to 0 leave -1 to 1"):
        bounded_mean([-2.0, 0.0], -1.0, 1.0)
    with pytest.raises(InvalidRun, match="no values"):
        bounded_mean([], -1.0, 1.0)


def chances(shape: str, ties: float, mean: float) -> np.ndarray | None:
    """Chances of each value of GRID, with that share of ties and that mean; None if there are none."""
    lost, won = (np.array([side.get(value, 0.0) for value in GRID]) for side in SHAPES[shape])
    share = (mean / (1.0 - ties) - won @ GRID) / ((lost - won) @ GRID)
    if not 0.0 <= share <= 1.0:
        return None
    found = (1.0 - ties) * (share * lost + (1.0 - share) * won)
    found[GRID == 0.0] += ties
    return found


def alarms(n: int, probabilities: np.ndarray, threshold: float, samples: int, seed: int) -> tuple[int, int]:
    """How many of the samples put the mean above the threshold: by these bounds, and by the t interval."""
    drawn = np.random.default_rng(seed).multinomial(n, probabilities, size=samples)
    ours = theirs = 0
    # Samples of rare losses repeat each other.
    for counts, times in zip(*np.unique(drawn, axis=0, return_counts=True), strict=True):
        values = np.repeat(GRID, counts)
        p_value = bounded_mean(values, -1.0, 1.0).p_at_most(threshold)
        ours += int(times) * (p_value <= 0.05)
        theirs += int(times) * (mean_interval(values, confidence=0.9).ci_low > threshold)
    return ours, theirs


def test_false_alarms_stay_at_five_percent_however_skewed() -> None:
    """A mean that lies at the margin is put above it in at most 5% of the samples.

    By symmetry the same holds for a mean of zero being put below zero, which is the gate's false FAIL.
    """
    samples, worst_t, rates = 500, 0.0, {}
    for n, all_ties in ((50, (0.0, 0.6, 0.9)), (57, (0.0, 0.9)), (252, (0.0, 0.9)), (2252, (0.9,))):
        for shape, ties in itertools.product(SHAPES, all_ties):
            for threshold in (MARGIN, 0.0) if n < 60 else (MARGIN,):
                probabilities = chances(shape, ties, threshold)
                if probabilities is None:
                    continue
                ours, theirs = alarms(n, probabilities, threshold, samples, seed=n)
                rates[n, shape, ties, threshold] = ours / samples
                worst_t = max(worst_t, theirs / samples)
                # As seldom as a true rate of 5% would give more: once in 10,000 such cells.
                assert binom.sf(ours - 1, samples, 0.05) > 1e-4, (n, shape, ties, threshold, ours)
    assert len(rates) > 40
    assert np.mean(list(rates.values())) <= 0.05
    assert worst_t > 0.2  # what the t interval does with the same samples


def plain_cluster_low(values: np.ndarray, labels: list[int]) -> float:
    """The lower end of the usual 90% interval: CR1 errors, and clusters less one degrees of freedom."""
    residuals = np.bincount(labels, values - values.mean())
    groups = residuals.size
    error = np.sqrt(groups / (groups - 1) * np.square(residuals).sum()) / values.size
    return float(values.mean() - t.ppf(0.95, groups - 1) * error)


@pytest.mark.parametrize("large_only", [False, True])
def test_false_alarms_stay_at_five_percent_with_clusters_of_unequal_size(large_only: bool) -> None:
    """Whole clusters are lost; one in ten is ten times as large as the others."""
    generator = np.random.default_rng(7)
    samples, ours, theirs = 800, 0, 0
    for _ in range(samples):
        sizes = np.where(generator.random(132) < 0.1, 10, 1)
        # The mean over examples is -0.05: 1.9 examples a cluster, one of them in a large one.
        chance = np.where(sizes == 10, 0.095, 0.0) if large_only else np.full(132, 0.05)
        labels = np.repeat(np.arange(132), sizes).tolist()
        values = -1.0 * (generator.random(132) < chance)[labels]
        mean = bounded_mean(values, -1.0, 1.0, labels)
        ours += mean.p_at_most(MARGIN) <= 0.05
        theirs += plain_cluster_low(values, labels) > MARGIN
    assert ours / samples <= 0.05
    assert theirs / samples > 0.2
