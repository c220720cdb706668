"""Least squares with standard errors that know of clusters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from gisteval.schema import Estimate
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
    """Ordinary least squares with cluster-robust (CR1) t intervals, in the unit of the values.

    The sandwich of Cameron and Miller (2015), section II, with the factor G/(G-1) (n-1)/(n-p) and G - 1
    degrees of freedom, as statsmodels has it. Columns that are constant, or that the ones before explain,
    are left out. With no more clusters than coefficients the intervals are (-inf, inf). Raises InvalidRun
    as `mean_interval` does, or if the columns differ in length.
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
    bread = np.linalg.inv(design.T @ design)
    found = bread @ (design.T @ outcome)
    moments: FloatArray = design * (outcome - design @ found)[:, np.newaxis]
    sums = cluster_sums(list(moments.T), clusters)
    groups = len(sums)
    widths = np.full(p, math.inf)
    if groups > p and n > p:
        factor = groups / (groups - 1) * (n - 1) / (n - p)
        variance = factor * np.diag(bread @ (sums.T @ sums) @ bread)
        widths = stdtrit(groups - 1, 0.5 + confidence / 2.0) * np.sqrt(np.maximum(variance, 0.0))
    method = "least-squares" if clusters is None else "cluster-least-squares"
    estimates = [
        Estimate(float(value), float(value - width), float(value + width), n, groups, confidence, method)
        for value, width in zip(found, widths, strict=True)
    ]
    slopes = {number: estimate for number, estimate in zip(kept, estimates[1:], strict=True)}
    return LinearFit(estimates[0], tuple(slopes.get(number) for number in range(len(columns))))
