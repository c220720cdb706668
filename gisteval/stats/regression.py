"""Least squares with cluster-robust standard errors."""

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
    """The fit value = intercept + sum of slopes * columns.

    Attributes:
        intercept: The intercept with its interval.
        slopes: The slope of each column; None if the column was left out.
    """

    intercept: Estimate
    slopes: tuple[Estimate | None, ...]


def linear_fit(
    values: Values, columns: Sequence[Values], clusters: Clusters | None = None, confidence: float = 0.95
) -> LinearFit:
    """Fit ordinary least squares with cluster-robust intervals, in the unit of the values.

    Each coefficient has an interval like that of `mean_interval`: CR2 errors, Satterthwaite's degrees of
    freedom, and Hall's correction for skewness. There is none if the residuals are all zero, or with too
    few clusters. A column is left out if it is a linear combination of the constant and the columns before
    it.

    Args:
        values: The outcome of each example, shape (n,).
        columns: The regressors, shape (n,) each, without the constant.
        clusters: The cluster label of each example. None: all examples are independent.
        confidence: The confidence of the intervals, between 0 and 1.

    Raises:
        InvalidRun: As in `mean_interval`, or the columns differ in length.
    """
    check_confidence(confidence)
    outcome = check_values(values, "values")
    regressors = {
        f"column {number}": check_values(column, "column") for number, column in enumerate(columns)
    }
    check_same_length(values=outcome, **regressors)
    included: list[int] = []
    design = np.ones((outcome.size, 1))
    for number, column in enumerate(regressors.values()):
        wider = np.column_stack([design, column])
        if np.linalg.matrix_rank(wider) == wider.shape[1]:
            design = wider
            included.append(number)
    n, p = design.shape
    coefficients = np.linalg.lstsq(design, outcome)[0]
    moments: FloatArray = design * (outcome - design @ coefficients)[:, np.newaxis]
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
    for place, value in enumerate(coefficients):
        standard_error = float(errors.standard_error[place])
        error = MeanError(
            mean=float(value),
            # Residuals of the size of rounding errors count as zero.
            standard_error=standard_error if standard_error > 1e-9 * scale else 0.0,
            n=n,
            clusters=groups,
            degrees_of_freedom=float(errors.degrees_of_freedom[place]),
            skewness=float(errors.skewness[place]),
        )
        low, high = error.ends(confidence)
        estimates.append(Estimate(float(value), low, high, n, groups, confidence, method))
    slopes = {number: estimate for number, estimate in zip(included, estimates[1:], strict=True)}
    return LinearFit(estimates[0], tuple(slopes.get(number) for number in range(len(columns))))
