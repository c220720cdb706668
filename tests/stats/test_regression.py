"""Least squares against statsmodels, and its intervals against those of a mean."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm

from gisteval.errors import InvalidRun
from gisteval.stats import linear_fit, mean_interval


def test_values_are_those_of_statsmodels() -> None:
    generator = np.random.default_rng(3)
    columns = generator.normal(size=(2, 60))
    clusters = generator.integers(12, size=60)
    values = (
        40
        + 5 * columns[0]
        - 2 * columns[1]
        + generator.normal(size=60)
        + generator.normal(size=12)[clusters]
    )
    found = linear_fit(values, list(columns), list(clusters))
    model = sm.OLS(values, sm.add_constant(columns.T))
    for estimate, value in zip([found.intercept, *found.slopes], model.fit().params, strict=True):
        assert estimate.value == pytest.approx(value)
        assert estimate.ci_low < value < estimate.ci_high
    assert (found.intercept.n, found.intercept.clusters) == (60, len(set(clusters)))


def test_without_columns_it_is_the_interval_of_the_mean() -> None:
    generator = np.random.default_rng(4)
    values, clusters = generator.gamma(1.0, size=80), generator.integers(20, size=80).tolist()
    found, mean = linear_fit(values, [], clusters).intercept, mean_interval(values, clusters)
    assert (found.ci_low, found.ci_high) == pytest.approx((mean.ci_low, mean.ci_high))


def test_values_on_a_plane_are_no_certainty() -> None:
    columns = np.random.default_rng(5).normal(size=(2, 40))
    found = linear_fit(3.0 + columns[0], list(columns))
    assert found.intercept.value == pytest.approx(3.0)
    for estimate in (found.intercept, *found.slopes):
        assert (estimate.ci_low, estimate.ci_high) == (-math.inf, math.inf)


def test_intervals_cover_with_few_uneven_clusters() -> None:
    generator = np.random.default_rng(6)
    sizes = [12, 12, 6, 6, 6, *[2] * 15]
    labels = np.repeat(np.arange(20), sizes)
    covered = 0
    for _ in range(300):
        column = generator.normal(size=20)[labels] + generator.normal(size=labels.size)
        noise = generator.normal(size=20)[labels] + generator.normal(size=labels.size)
        slope = linear_fit(2.0 * column + noise, [column], labels.tolist()).slopes[0]
        covered += slope.ci_low <= 2.0 <= slope.ci_high
    assert covered / 300 >= 0.93


def test_columns_that_explain_nothing_are_left_out() -> None:
    found = linear_fit([1.0, 2.0, 3.0, 5.0], [[0, 0, 0, 0], [1, 2, 3, 4], [2, 4, 6, 8]])
    assert found.slopes[0] is None and found.slopes[2] is None
    assert found.slopes[1].value == pytest.approx(1.3)


def test_too_few_clusters_bound_nothing() -> None:
    found = linear_fit([1.0, 2.0, 3.0], [[1, 2, 4]], ["x", "x", "y"])
    assert math.isinf(found.intercept.ci_low) and math.isinf(found.slopes[0].ci_high)


def test_columns_of_another_length_are_refused() -> None:
    with pytest.raises(InvalidRun):
        linear_fit([1.0, 2.0, 3.0], [[1, 2]])
