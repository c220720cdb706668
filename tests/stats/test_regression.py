"""Least squares against statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm

from gisteval.errors import InvalidRun
from gisteval.stats import linear_fit


def test_values_and_clustered_intervals_are_those_of_statsmodels() -> None:
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
    other = model.fit(cov_type="cluster", cov_kwds={"groups": clusters}, use_t=True)
    for estimate, value, ends in zip(
        [found.intercept, *found.slopes], other.params, other.conf_int(), strict=True
    ):
        assert estimate.value == pytest.approx(value)
        assert (estimate.ci_low, estimate.ci_high) == pytest.approx(tuple(ends))
    assert (found.intercept.n, found.intercept.clusters) == (60, len(set(clusters)))


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
