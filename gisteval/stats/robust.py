"""Cluster-robust standard errors of least squares (CR2), with Satterthwaite's degrees of freedom.

A cluster that pulls the fit towards itself has residuals that are too small. CR2 therefore scales the
residuals of each cluster by (I - H_gg)^(-1/2), where H is the hat matrix. The variance itself is estimated
from few clusters; a t quantile with Satterthwaite's degrees of freedom allows for that. The degrees of
freedom depend on an assumed covariance of the errors. They are computed for independent errors and for
errors that are equal within a cluster (the worst case of shared instructions), and the smaller number is
used.

Sources: R. M. Bell and D. F. McCaffrey, "Bias reduction in standard errors for linear regression with
multi-stage samples", Survey Methodology 28, 2002. J. E. Pustejovsky and E. Tipton, "Small-sample methods
for cluster-robust variance estimation and hypothesis testing in fixed effects models", Journal of Business
& Economic Statistics 36, 2018.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gisteval.stats.samples import FloatArray


@dataclass(frozen=True, slots=True)
class RobustErrors:
    """The errors of p coefficients.

    Attributes:
        standard_error: Shape (p,), in the units of the coefficients.
        degrees_of_freedom: Shape (p,), of each standard error.
        skewness: Shape (p,), of each estimated coefficient: the third cumulant of the clusters' influences
            divided by the cubed standard error, corrected for small samples. 0 if there are too few degrees
            of freedom to estimate it.
    """

    standard_error: FloatArray
    degrees_of_freedom: FloatArray
    skewness: FloatArray


def robust_errors(grams: FloatArray, scores: FloatArray) -> RobustErrors:
    """Compute the errors of a least-squares fit whose first column is the intercept.

    Args:
        grams: X_g' X_g of each cluster g, shape (G, p, p).
        scores: X_g' times the residuals of each cluster g, shape (G, p).

    Returns:
        The errors. All standard errors are NaN if a single cluster determines a coefficient.
    """
    bread = np.linalg.inv(grams.sum(axis=0))
    root = _square_root(bread)
    # (I - H_gg)^(-1/2) = I + B W B', where B = X_g root and W, a function of B'B, is only p by p.
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
    """Return Satterthwaite's degrees of freedom of one coefficient's variance estimate.

    They are (sum of eigenvalues)^2 / (sum of squared eigenvalues) of its quadratic form.
    """
    pulls = np.einsum("gij,gj->gi", grams, gamma)  # X_g'a_g, where a_g weighs the cluster's residuals
    norms = np.einsum("gi,gi->g", gamma, pulls)  # a_g'a_g
    # Independent errors: the form is diag(norms) - pulls bread pulls'.
    lost = np.einsum("gi,ij,gj->g", pulls, bread, pulls)
    crossed = pulls.T @ pulls @ bread
    first = float(norms.sum() - np.trace(crossed))
    second = float(np.square(norms).sum() - 2.0 * (norms * lost).sum() + np.trace(crossed @ crossed))
    estimates = [first**2 / second] if second > 0.0 else []
    # Equal errors within a cluster: the form is Q Q' with Q = diag(a_g'1) - pulls bread (X_g'1)'.
    diagonal, ones = pulls[:, 0], grams[:, :, 0]
    left = -pulls @ bread
    sides = np.concatenate([diagonal[:, np.newaxis] * ones, left], axis=1)
    p = len(bread)
    kernel = np.block([[np.zeros((p, p)), np.eye(p)], [np.eye(p), ones.T @ ones]])
    product = kernel @ (sides.T @ sides)
    weighted = kernel @ (sides.T @ (np.square(diagonal)[:, np.newaxis] * sides))
    first = float(np.square(diagonal).sum() + np.trace(product))
    second = float((diagonal**4).sum() + 2.0 * np.trace(weighted) + np.trace(product @ product))
    # Errors that are shared within clusters don't affect a coefficient that compares within clusters.
    if second > 1e-12 * float((norms**2).sum()):
        estimates.append(first**2 / second)
    return min(estimates, default=0.0)


def _square_root(matrix: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(matrix)
    root: FloatArray = (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T
    return root
