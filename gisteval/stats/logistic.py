"""Logistic regression of scores between 0 and 1, with errors that allow for clusters.

A score of one half counts as half a win and half a loss (quasi-likelihood: L. E. Papke and J. M.
Wooldridge, "Econometric methods for fractional response variables", Journal of Applied Econometrics
11, 1996).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, stdtrit

from gisteval.stats.samples import (
    Clusters,
    FloatArray,
    Values,
    check_confidence,
    check_same_length,
    check_values,
    cluster_sums,
)

FEWEST_CLUSTERS = 12
"""With fewer clusters the errors are not to be relied on, so there is no interval."""

STEPS = 50
LARGEST = 30.0
"""A coefficient beyond it means that the scores are separated, so there is no maximum."""


@dataclass(frozen=True, slots=True)
class LogisticFit:
    """The fit P = expit(intercept + sum of slopes * columns).

    Attributes:
        coefficients: The intercept and the slopes, shape (p,).
        low, high: The ends of the intercept's interval; infinite if there is none.
    """

    coefficients: FloatArray
    low: float
    high: float


def logistic_fit(
    scores: Values, columns: Sequence[Values], clusters: Clusters | None = None, confidence: float = 0.95
) -> LogisticFit | None:
    """Fit by maximum quasi-likelihood (Newton's method).

    The interval of the intercept is that of a t distribution with one degree of freedom less than clusters,
    from the sandwich of cluster sums, scaled by G / (G - 1).

    Args:
        scores: The outcome of each example in [0, 1], shape (n,).
        columns: The regressors, shape (n,) each, without the constant.
        clusters: The cluster label of each example. None: all examples are independent.
        confidence: The confidence of the interval.

    Returns:
        The fit; None if there is no maximum, as when all scores are wins.
    """
    check_confidence(confidence)
    y = check_values(scores, "scores")
    regressors = {f"column {place}": check_values(column, "column") for place, column in enumerate(columns)}
    check_same_length(scores=y, **regressors)
    x = np.column_stack([np.ones(y.size), *regressors.values()])
    beta = np.zeros(x.shape[1])
    for _ in range(STEPS):
        p = expit(x @ beta)
        information = (x * (p * (1.0 - p))[:, np.newaxis]).T @ x
        if np.linalg.cond(information) > 1e12:
            return None
        step = np.linalg.solve(information, x.T @ (y - p))
        beta = beta + step
        if np.abs(beta).max() > LARGEST:
            return None
        if np.abs(step).max() < 1e-10:
            break
    else:
        return None
    moments = x * (y - expit(x @ beta))[:, np.newaxis]
    sums = cluster_sums(list(moments.T), clusters)
    groups = len(sums)
    if groups < max(FEWEST_CLUSTERS, x.shape[1] + 1):
        return LogisticFit(beta, -math.inf, math.inf)
    bread = np.linalg.inv(information)
    covariance = bread @ (sums.T @ sums) @ bread * groups / (groups - 1.0)
    reach = float(stdtrit(groups - 1, 0.5 + confidence / 2.0)) * math.sqrt(float(covariance[0, 0]))
    return LogisticFit(beta, float(beta[0]) - reach, float(beta[0]) + reach)
