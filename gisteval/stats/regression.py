"""Least squares with standard errors that know of clusters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gisteval.records.schema import Estimate
from gisteval.stats.intervals import MeanError
from gisteval.stats.robust import RobustErrors, robust_errors
from gisteval.stats.samples import (
    Clusters,
    FloatArray,
    Values,
    check_confidence,
    check_same_length,
    check_values,
    cluster_sums,
)


@dataclass(frozen=True, slots=True)
class LinearFit:
    """value = intercept + sum of slopes * columns. A slope is None where its column never varies."""

    intercept: Estimate
    slopes: tuple[Estimate | None, ...]


def linear_fit(
    values: Values, columns: Sequence[Values], clusters: Clusters | None = None, confidence: float = 0.95
) -> LinearFit:
    """Ordinary least squares with cluster-robust intervals, in the unit of the values.

    The intervals are those of `mean_interval`, for each coefficient: CR2 errors, Satterthwaite's degrees
    of freedom, Hall's correction for skewness, and none where the data bound nothing (values on a plane,
    too few clusters). Columns that are constant, or that the ones before explain, are left out. Raises
    InvalidRun as `mean_interval` does, or if the columns differ in length.
    """
    check_confidence(confidence)
    outcome = check_values(values, "values")
    given = {f"column {number}": check_values(column, "column") for number, column in enumerate(columns)}
    check_same_length(values=outcome, **given)
    kept: list[int] = []
    design = np.ones((outcome.size, 1))
    for number, column in enumerate(given.values()):
        wider = np.column_stack([design, column])
        if np.linalg.matrix_rank(wider) == wider.shape[1]:
            design = wider
            kept.append(number)
    n, p = design.shape
    found = np.linalg.lstsq(design, outcome)[0]
    moments: FloatArray = design * (outcome - design @ found)[:, np.newaxis]
    products = (design[:, :, np.newaxis] * design[:, np.newaxis, :]).reshape(n, p * p)
    sums = cluster_sums([*products.T, *moments.T], clusters)
    groups = len(sums)
    method = "least-squares" if clusters is None else "cluster-least-squares"
    if groups > p:
        errors = robust_errors(sums[:, : p * p].reshape(groups, p, p), sums[:, p * p :])
    else:
        errors = RobustErrors(np.full(p, np.inf), np.zeros(p), np.zeros(p))
    scale = float(np.abs(outcome).max())
    estimates = []
    for place, value in enumerate(found):
        spread = float(errors.standard_error[place])
        error = MeanError(
            mean=float(value),
            # Residuals that are rounding errors show no spread.
            standard_error=spread if spread > 1e-9 * scale else 0.0,
            n=n,
            clusters=groups,
            degrees_of_freedom=float(errors.degrees_of_freedom[place]),
            skewness=float(errors.skewness[place]),
        )
        low, high = error.ends(confidence)
        estimates.append(Estimate(float(value), low, high, n, groups, confidence, method))
    slopes = {number: estimate for number, estimate in zip(kept, estimates[1:], strict=True)}
    return LinearFit(estimates[0], tuple(slopes.get(number) for number in range(len(columns))))
