"""Least-squares errors that know of clusters and say how little a few of them tell.

CR2: each cluster's residuals are scaled up by (I - H_gg)^(-1/2), H the hat matrix, since a cluster that
pulls the fit towards itself leaves residuals that are too small. A t quantile with Satterthwaite's degrees
of freedom allows for what the variance itself is estimated from. R. M. Bell and D. F. McCaffrey, "Bias
reduction in standard errors for linear regression with multi-stage samples", Survey Methodology 28, 2002;
J. E. Pustejovsky and E. Tipton, Journal of Business & Economic Statistics 36, 2018. The degrees of freedom
need a guess of the errors' covariance. The smaller of two is taken: errors that are independent, and errors
that are all alike within a cluster, which is what shared instructions do at worst.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gisteval.stats.samples import FloatArray


@dataclass(frozen=True, slots=True)
class RobustErrors:
    """Of each of p coefficients, shape (p,).

    skewness: of its estimate, from the clusters' influences (their third cumulant over the standard error
    cubed), corrected for small samples. 0 where the degrees of freedom don't allow an estimate.
    """

    standard_error: FloatArray
    degrees_of_freedom: FloatArray
    skewness: FloatArray


def robust_errors(grams: FloatArray, scores: FloatArray) -> RobustErrors:
    """Errors of a least-squares fit whose design has an intercept in its first column.

    grams: X_g'X_g of each cluster, shape (G, p, p); scores: X_g' times its residuals, shape (G, p). The
    errors are NaN where a single cluster decides a coefficient.
    """
    bread = np.linalg.inv(grams.sum(axis=0))
    root = _square_root(bread)
    # (I - H_gg)^(-1/2) is I + B W B' with B = X_g root and W a function of B'B: p by p, whatever the size.
    eigenvalues, vectors = np.linalg.eigh(root @ grams @ root)
    free = 1.0 - eigenvalues
    decided = (free < 1e-9).any(axis=1)
    free = np.where(free < 1e-9, 1.0, free)
    # The limit at 0 is 1/2.
    share = np.maximum(eigenvalues, 1e-9)
    weights = (1.0 / np.sqrt(1.0 - np.minimum(share, 1.0 - 1e-9)) - 1.0) / share
    inner = np.einsum("gij,gj,gkj->gik", vectors, weights, vectors)
    # gammas[g, :, j]: the influence of cluster g on coefficient j is gammas[g, :, j] . scores[g].
    gammas = bread + root @ inner @ root @ grams @ bread
    influences = np.einsum("gij,gi->gj", gammas, scores)
    squares = np.square(influences).sum(axis=0)
    degrees = np.array(
        [_degrees_of_freedom(grams, gammas[:, :, place], bread) for place in range(len(bread))]
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        third = (influences**3).sum(axis=0) / squares**1.5
        scale = np.sqrt(degrees * (degrees + 1.0)) / (degrees - 1.0)
        skewness = np.where((degrees > 1.0) & (squares > 0.0), third * scale, 0.0)
    errors = np.sqrt(squares)
    if decided.any():
        errors = np.full_like(errors, np.nan)
    return RobustErrors(errors, degrees, skewness)


def _degrees_of_freedom(grams: FloatArray, gamma: FloatArray, bread: FloatArray) -> float:
    """(sum of eigenvalues)^2 / sum of their squares, of the variance estimate's quadratic form."""
    pulls = np.einsum("gij,gj->gi", grams, gamma)  # X_g'a_g, where a_g weighs the cluster's residuals
    own = np.einsum("gi,gi->g", gamma, pulls)  # a_g'a_g
    # Independent errors: the form is diag(own) - pulls bread pulls'.
    lost = np.einsum("gi,ij,gj->g", pulls, bread, pulls)
    crossed = pulls.T @ pulls @ bread
    first = float(own.sum() - np.trace(crossed))
    second = float(np.square(own).sum() - 2.0 * (own * lost).sum() + np.trace(crossed @ crossed))
    found = [first**2 / second] if second > 0.0 else []
    # Errors alike within a cluster: Q Q' with Q = diag(a_g'1) - pulls bread (X_g'1)'.
    diagonal, ones = pulls[:, 0], grams[:, :, 0]
    left = -pulls @ bread
    sides = np.concatenate([diagonal[:, np.newaxis] * ones, left], axis=1)
    p = len(bread)
    kernel = np.block([[np.zeros((p, p)), np.eye(p)], [np.eye(p), ones.T @ ones]])
    product = kernel @ (sides.T @ sides)
    weighted = kernel @ (sides.T @ (np.square(diagonal)[:, np.newaxis] * sides))
    first = float(np.square(diagonal).sum() + np.trace(product))
    second = float((diagonal**4).sum() + 2.0 * np.trace(weighted) + np.trace(product @ product))
    # A coefficient that compares within clusters is not touched by errors that they share.
    if second > 1e-12 * float((own**2).sum()):
        found.append(first**2 / second)
    return min(found, default=0.0)


def _square_root(matrix: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(matrix)
    root: FloatArray = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root
