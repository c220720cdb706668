"""CR2 errors and degrees of freedom against their definition, with whole matrices."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import sqrtm

from gisteval.stats.robust import robust_errors


@pytest.mark.parametrize("columns", [0, 2])
def test_errors_and_degrees_of_freedom_are_those_of_the_definition(columns: int) -> None:
    generator = np.random.default_rng(0)
    sizes = generator.integers(1, 7, size=14)
    labels = np.repeat(np.arange(14), sizes)
    n = labels.size
    design = np.column_stack([np.ones(n), generator.normal(size=(n, columns))])
    values = generator.gamma(2.0, size=n) + generator.normal(size=14)[labels]
    bread = np.linalg.inv(design.T @ design)
    hat = design @ bread @ design.T
    residuals = values - hat @ values
    members = [labels == label for label in range(14)]
    found = robust_errors(
        np.array([design[own].T @ design[own] for own in members]),
        np.array([design[own].T @ residuals[own] for own in members]),
    )
    alike = (labels[:, np.newaxis] == labels).astype(float)
    for place in range(1 + columns):
        rows = []
        for own in members:
            adjustment = np.linalg.inv(sqrtm(np.eye(own.sum()) - hat[np.ix_(own, own)]).real)
            rows.append(bread[place] @ design[own].T @ adjustment @ (np.eye(n) - hat)[own])
        influence = np.array(rows)
        error = np.sqrt(np.square(influence @ values).sum())
        assert found.standard_error[place] == pytest.approx(error)
        forms = [influence @ covariance @ influence.T for covariance in (np.eye(n), alike)]
        degrees = [np.trace(form) ** 2 / np.trace(form @ form) for form in forms]
        assert found.degrees_of_freedom[place] == pytest.approx(min(degrees))


def test_one_example_a_cluster_has_the_plain_degrees_of_freedom() -> None:
    values = np.random.default_rng(1).normal(size=20)
    residuals = values - values.mean()
    found = robust_errors(np.ones((20, 1, 1)), residuals[:, np.newaxis])
    assert found.standard_error[0] == pytest.approx(values.std(ddof=1) / np.sqrt(20))
    assert found.degrees_of_freedom[0] == pytest.approx(19.0)


def test_a_cluster_that_decides_a_coefficient_leaves_no_error() -> None:
    column = np.array([0.0, 0.0, 0.0, 1.0])
    design = np.column_stack([np.ones(4), column])
    grams = design[:, :, np.newaxis] * design[:, np.newaxis, :]
    assert np.isnan(
        robust_errors(grams, design * np.array([[0.5], [-0.5], [0.0], [0.0]])).standard_error
    ).all()
