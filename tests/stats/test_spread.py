"""The split of a variance against a second implementation, and how often its intervals cover."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gisteval.stats import gains, spread
from gisteval.stats.samples import FloatArray


def parts(table: FloatArray, clusters=None):
    return spread(table.mean(axis=1), table.var(axis=1, ddof=1), table.shape[1], clusters)


def test_estimates_are_those_of_an_analysis_of_variance() -> None:
    """By sums of squares: within = SSW / (n (K - 1)), between = (SSB / (n - 1) - within) / K."""
    generator = np.random.default_rng(0)
    table = generator.normal(50.0, 8.0, (40, 1)) + generator.normal(0.0, 5.0, (40, 4))
    grand, n, k = table.mean(), *table.shape
    within = sum((value - row.mean()) ** 2 for row in table for value in row) / (n * (k - 1))
    between = (k * sum((row.mean() - grand) ** 2 for row in table) / (n - 1) - within) / k
    found = parts(table)
    assert found.samples.value == pytest.approx(math.sqrt(within))
    assert found.items.value == pytest.approx(math.sqrt(between))


def test_it_adds_up_to_the_error_of_the_mean() -> None:
    generator = np.random.default_rng(1)
    table = generator.normal(0.0, 4.0, (200, 1)) + generator.normal(0.0, 3.0, (200, 3))
    found = parts(table)
    error = table.mean(axis=1).std(ddof=1) / math.sqrt(200)
    total = math.sqrt((found.items.value**2 + found.samples.value**2 / 3) / 200)
    assert total == pytest.approx(error)


def test_items_that_do_not_differ_have_a_spread_of_0() -> None:
    table = np.tile([0.0, 100.0], (30, 1))
    found = parts(table)
    assert found.items.value == 0.0
    assert found.samples.value == pytest.approx(100.0 / math.sqrt(2.0))


@pytest.mark.parametrize(("items", "samples"), [(20.0, 10.0), (5.0, 30.0)])
def test_intervals_cover(items: float, samples: float) -> None:
    generator = np.random.default_rng(2)
    covered = np.zeros(2)
    for _ in range(300):
        table = generator.normal(0.0, items, (100, 1)) + generator.normal(0.0, samples, (100, 5))
        found = parts(table)
        for place, (part, truth) in enumerate(((found.items, items), (found.samples, samples))):
            covered[place] += part.ci_low <= truth <= part.ci_high
    assert (covered / 300 > 0.9).all()


def test_few_instructions_have_no_interval() -> None:
    table = np.random.default_rng(3).normal(0.0, 1.0, (20, 2))
    found = parts(table, [n // 4 for n in range(20)])
    assert found.items.ci_high == math.inf and found.items.ci_low == 0.0
    assert parts(table[:1]).items.ci_high == math.inf


def test_gains_compare_samples_with_items() -> None:
    """By the formula of the error, (items + samples / K) / n, at twice the K and at twice the n."""
    found = gains(9.0, 16.0, 2)
    assert found is not None
    error, more_samples, more_items = (np.sqrt(part) for part in (17.0, 13.0, 8.5))
    assert found.share == pytest.approx(8.0 / 17.0)
    assert found.twice_samples == pytest.approx(1 - more_samples / error)
    assert found.twice_items == pytest.approx(1 - more_items / error)
    assert gains(0.0, 0.0, 3) is None
