"""Bootstrap intervals against scipy and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import bootstrap

from gisteval.errors import InvalidRun
from gisteval.stats import bootstrap as resampling
from gisteval.stats import bootstrap_interval, mean_interval, retention
from gisteval.stats.bootstrap import BootstrapMethod


@pytest.mark.parametrize(("method", "scipy_name"), [("percentile", "percentile"), ("bca", "BCa")])
def test_interval_agrees_with_scipy(method: BootstrapMethod, scipy_name: str) -> None:
    values = np.random.default_rng(0).gamma(1.0, size=80)
    expected = bootstrap(
        (values,),
        np.mean,
        method=scipy_name,
        n_resamples=20_000,
        batch=2_000,
        rng=np.random.default_rng(1),
    ).confidence_interval
    estimate = bootstrap_interval(values, resamples=20_000, method=method)
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((expected.low, expected.high), abs=0.02)
    assert estimate.method == f"bootstrap-{method}"


def test_resampling_whole_clusters_agrees_with_the_cluster_interval() -> None:
    generator = np.random.default_rng(2)
    labels = np.repeat(np.arange(150), generator.integers(1, 5, size=150))
    values = generator.normal(size=150)[labels] + generator.normal(size=labels.size)
    estimate = bootstrap_interval(values, labels.tolist(), method="percentile")
    closed = mean_interval(values, labels.tolist())
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((closed.ci_low, closed.ci_high), abs=0.02)
    assert (estimate.clusters, estimate.method) == (150, "cluster-bootstrap-percentile")


def test_the_seed_decides_and_the_order_does_not() -> None:
    generator = np.random.default_rng(3)
    values = generator.normal(size=50)
    labels = generator.integers(0, 12, size=50)
    order = generator.permutation(50)
    once = bootstrap_interval(values, labels.tolist(), resamples=500)
    assert once == bootstrap_interval(values[order], labels[order].tolist(), resamples=500)
    assert once != bootstrap_interval(values, labels.tolist(), resamples=500, seed=1)


def test_many_resamples_are_drawn_in_chunks() -> None:
    values = np.random.default_rng(4).normal(size=20_000)
    estimate = bootstrap_interval(values, resamples=200, method="percentile")
    closed = mean_interval(values)
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((closed.ci_low, closed.ci_high), abs=0.005)


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_equal_values_have_an_interval_of_no_width(method: BootstrapMethod) -> None:
    estimate = bootstrap_interval([2.0] * 10, resamples=50, method=method)
    assert (estimate.value, estimate.ci_low, estimate.ci_high) == (2.0, 2.0, 2.0)


def test_one_cluster_is_an_infinite_interval() -> None:
    estimate = bootstrap_interval([1.0, 2.0], ["a", "a"])
    assert (estimate.ci_low, estimate.ci_high) == (-math.inf, math.inf)


def test_no_resamples_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        bootstrap_interval([1.0, 2.0], resamples=0)


def test_bootstrap_covers_the_mean_of_skewed_scores() -> None:
    generator = np.random.default_rng(5)
    covered: dict[str, int] = {"bootstrap-percentile": 0, "bootstrap-bca": 0}
    methods: tuple[BootstrapMethod, ...] = ("percentile", "bca")
    for seed in range(1000):
        values = 100.0 * generator.beta(0.8, 1.6, size=120)
        for method in methods:
            estimate = bootstrap_interval(values, resamples=600, seed=seed, method=method)
            covered[estimate.method] += estimate.ci_low <= 100.0 / 3.0 <= estimate.ci_high
    assert all(0.93 <= count / 1000 <= 0.97 for count in covered.values())


def three_systems(
    generator: np.random.Generator, labels: np.ndarray, gap: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Candidate, positive and negative control; the candidate keeps 80% of the gap."""
    difficulty = 15.0 * generator.normal(size=labels.max() + 1)[labels]
    negative, candidate, positive = (
        30.0 + kept * gap + difficulty * (0.5 + kept / 2) + 15.0 * generator.normal(size=labels.size)
        for kept in (0.0, 0.8, 1.0)
    )
    return candidate, positive, negative


def test_retention_of_the_controls_themselves() -> None:
    generator = np.random.default_rng(6)
    _, positive, negative = three_systems(generator, np.arange(200), gap=18.0)
    full = retention(positive, positive, negative, resamples=200)
    none = retention(negative, positive, negative, resamples=200)
    assert (full.value, full.ci_low, full.ci_high) == pytest.approx((100.0, 100.0, 100.0))
    assert (none.value, none.ci_low, none.ci_high) == (0.0, 0.0, 0.0)


def test_retention_is_the_ratio_of_gaps() -> None:
    estimate = retention([40.0, 50.0], [50.0, 60.0], [20.0, 20.0], resamples=100)
    assert estimate.value == pytest.approx(100.0 * 25.0 / 35.0)
    assert (estimate.n, estimate.method) == (2, "bootstrap-percentile")


def test_retention_does_not_depend_on_unit_or_order() -> None:
    generator = np.random.default_rng(7)
    candidate, positive, negative = three_systems(generator, np.arange(80), gap=18.0)
    order = generator.permutation(80)
    before = retention(candidate, positive, negative, resamples=300)
    assert before == retention(candidate[order], positive[order], negative[order], resamples=300)
    after = retention(7.0 + 3.0 * candidate, 7.0 + 3.0 * positive, 7.0 + 3.0 * negative, resamples=300)
    assert (after.value, after.ci_low, after.ci_high) == pytest.approx(
        (before.value, before.ci_low, before.ci_high)
    )


@pytest.mark.parametrize("clustered", [False, True])
def test_retention_covers_the_true_share(clustered: bool) -> None:
    generator = np.random.default_rng(8)
    covered = 0
    for seed in range(800):
        labels = np.repeat(np.arange(80), 2) if clustered else np.arange(160)
        estimate = retention(
            *three_systems(generator, labels, gap=20.0),
            clusters=labels.tolist() if clustered else None,
            resamples=600,
            seed=seed,
        )
        assert math.isfinite(estimate.ci_low)
        covered += estimate.ci_low <= 80.0 <= estimate.ci_high
    assert 0.93 <= covered / 800 <= 0.97


def test_a_gap_that_may_be_zero_leaves_retention_unbounded() -> None:
    generator = np.random.default_rng(9)
    unbounded = covered = 0
    for seed in range(100):
        scores = three_systems(generator, np.arange(100), gap=1.0)
        estimate = retention(*scores, resamples=300, seed=seed)
        unbounded += math.isinf(estimate.ci_low) and math.isinf(estimate.ci_high)
        covered += estimate.ci_low <= 80.0 <= estimate.ci_high
    assert unbounded >= 90
    assert covered >= 95


def test_no_gap_has_no_retention() -> None:
    estimate = retention([1.0, 2.0], [3.0, 1.0], [1.0, 3.0])
    assert math.isnan(estimate.value)
    assert (estimate.ci_low, estimate.ci_high) == (-math.inf, math.inf)


def test_mismatched_systems_are_refused() -> None:
    with pytest.raises(InvalidRun, match="candidate 2, positive 2, negative 1 values"):
        retention([1.0, 2.0], [3.0, 1.0], [1.0])


def test_counts_that_are_kept_give_the_totals_of_the_draws_themselves(monkeypatch):
    sums = np.random.default_rng(5).normal(size=(300, 2))
    counted = resampling._resampled_totals(sums, 1000, seed=3)
    monkeypatch.setattr(resampling, "_KEPT", 0)
    assert np.allclose(counted, resampling._resampled_totals(sums, 1000, seed=3), rtol=0, atol=1e-10)
