"""Fieller's set of a ratio of means: all ratios that a t test does not reject, whatever shape they have.

With two means a and b, a ratio r is kept if (a - r b)^2 <= t^2 * var(a - r b). That is a quadratic in r. If
b is clearly not 0, the set is an interval. If b may be 0, the set is everything outside an interval, or
everything. An honest answer where controls nearly meet is one of these two.

Source: E. C. Fieller, "Some problems in interval estimation", Journal of the Royal Statistical Society B
16, 1954.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import stdtrit

from gisteval.stats.samples import (
    Clusters,
    FloatArray,
    Values,
    check_same_length,
    check_values,
    cluster_sums,
)

Shape = Literal["bounded", "outside", "everything"]


@dataclass(frozen=True, slots=True)
class FiellerSet:
    """A set of ratios.

    Attributes:
        shape: `bounded`: from low to high. `outside`: up to low, and from high on. `everything`.
        low: The lower of both ends; infinite for `everything`.
        high: The higher of both ends.
    """

    shape: Shape
    low: float
    high: float

    def holds(self, ratio: float) -> bool:
        """Whether a ratio is in the set."""
        if self.shape == "everything":
            return True
        inside = self.low <= ratio <= self.high
        return inside if self.shape == "bounded" else not inside or ratio in (self.low, self.high)

    def words(self, unit: str = "%", scale: float = 100.0) -> str:
        """Say the set in words, with its ends in a unit."""
        low, high = (f"{scale * end:.1f}{unit}" for end in (self.low, self.high))
        if self.shape == "bounded":
            return f"between {low} and {high}"
        if self.shape == "outside":
            return f"at most {low}, or at least {high}: the controls can't be told apart"
        return "any number: the controls can't be told apart"


def fieller_set(
    above: Values, below: Values, clusters: Clusters | None = None, confidence: float = 0.95
) -> FiellerSet:
    """Compute Fieller's set of mean(above) / mean(below), with one degree of freedom less than clusters.

    Args:
        above: The numerator of each example, shape (n,).
        below: The denominator of each example, shape (n,).
        clusters: The cluster label of each example. None: all examples are independent.
        confidence: The confidence of the set.

    Raises:
        InvalidRun: The sides differ in their numbers of values, or values are missing.
    """
    over, under = check_values(above, "above"), check_values(below, "below")
    check_same_length(above=over, below=under)
    sums = cluster_sums([over, under, np.ones(over.size)], clusters)
    groups = len(sums)
    if groups < 2:
        return FiellerSet("everything", -math.inf, math.inf)
    n = float(sums[:, 2].sum())
    a, b = float(sums[:, 0].sum()) / n, float(sums[:, 1].sum()) / n
    residuals: FloatArray = sums[:, :2] - np.outer(sums[:, 2], [a, b])
    covariance = residuals.T @ residuals / n**2 * groups / (groups - 1.0)
    t2 = float(stdtrit(groups - 1, 0.5 + confidence / 2.0)) ** 2
    square = b * b - t2 * float(covariance[1, 1])
    half = a * b - t2 * float(covariance[0, 1])
    constant = a * a - t2 * float(covariance[0, 0])
    root = half * half - square * constant
    if square == 0.0 or (square < 0.0 and root <= 0.0):
        return FiellerSet("everything", -math.inf, math.inf)
    root = math.sqrt(max(root, 0.0))
    low, high = sorted(((half - root) / square, (half + root) / square))
    return FiellerSet("bounded" if square > 0.0 else "outside", low, high)


def bootstrap_ratio(
    above: Values,
    below: Values,
    clusters: Clusters | None = None,
    confidence: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile interval of the ratio over whole clusters drawn with replacement.

    It is here to be compared with. It is always bounded, and therefore wrong where the gap may be 0.
    """
    sums = cluster_sums([check_values(above, "above"), check_values(below, "below")], clusters)
    generator = np.random.default_rng(seed)
    drawn = sums[generator.integers(len(sums), size=(draws, len(sums)))].sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = drawn[:, 0] / drawn[:, 1]
    tail = 0.5 - confidence / 2.0
    low, high = np.nanquantile(ratios, [tail, 1.0 - tail], method="inverted_cdf")  # a ratio may be infinite
    return float(low), float(high)
