"""Intervals of a mean whose values have no known range: t intervals corrected for clusters and skewness."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtr, stdtrit

from gisteval.records.schema import Estimate
from gisteval.stats.robust import robust_errors
from gisteval.stats.samples import (
    Clusters,
    Values,
    check_confidence,
    check_values,
    cluster_sums,
)

FEWEST_CLUSTERS = 12
"""With fewer clusters a t interval of skewed values covers less than 94%, so no interval is given."""

FEWEST_DEGREES = 2.0
"""With fewer degrees of freedom a few large clusters decide the result, so no interval is given."""


@dataclass(frozen=True, slots=True)
class MeanError:
    """An estimate with what its interval is computed from.

    Attributes:
        mean: The estimate: a mean, or a coefficient of a regression.
        standard_error: In the unit of the estimate; infinite with one cluster.
        n: The number of examples.
        clusters: The number of clusters.
        degrees_of_freedom: Satterthwaite's degrees of freedom of the standard error.
        skewness: The skewness of the estimate, as in `stats.robust`.
    """

    mean: float
    standard_error: float
    n: int
    clusters: int
    degrees_of_freedom: float
    skewness: float

    @property
    def bounded(self) -> bool:
        """Whether there is an interval.

        There is none if all values are equal (which is no proof of certainty), or with too few clusters.
        """
        return (
            self.clusters >= FEWEST_CLUSTERS
            and self.degrees_of_freedom >= FEWEST_DEGREES
            and math.isfinite(self.standard_error)
            and self.standard_error > 1e-12 * abs(self.mean)
        )

    def p_value(self) -> float:
        """Return the two-sided p-value of the hypothesis that the mean is 0; 1 without an interval.

        It is below 1 - confidence exactly if the interval excludes 0.
        """
        if not self.bounded:
            return 1.0
        statistic = self.mean / self.standard_error
        least = min(abs(statistic), abs(self._transformed(statistic)))
        return float(2.0 * stdtr(self.degrees_of_freedom, -least))

    def p_below_zero(self) -> float:
        """Return the one-sided p-value of a mean of at most 0; 1 without an interval."""
        if not self.bounded:
            return 1.0
        half = 0.5 * self.p_value()
        return half if self.mean > 0.0 else 1.0 - half

    def p_above_zero(self) -> float:
        """Return the one-sided p-value of a mean of at least 0; 1 without an interval."""
        if not self.bounded:
            return 1.0
        half = 0.5 * self.p_value()
        return half if self.mean < 0.0 else 1.0 - half

    def ends(self, confidence: float) -> tuple[float, float]:
        """Return both ends of the two-sided interval: the outer ends of the t interval and of Hall's."""
        check_confidence(confidence)
        if not self.bounded:
            return -math.inf, math.inf
        quantile = float(stdtrit(self.degrees_of_freedom, 0.5 + confidence / 2.0))
        furthest = max(quantile, self._untransformed(quantile))
        nearest = min(-quantile, self._untransformed(-quantile))
        return self.mean - self.standard_error * furthest, self.mean - self.standard_error * nearest

    def _transformed(self, statistic: float) -> float:
        """Remove the skewness of a t statistic by Hall's monotone cubic.

        Source: P. Hall, "On the removal of skewness by transformation", Journal of the Royal Statistical
        Society B 54, 1992.
        """
        a = self.skewness
        return statistic + a * statistic**2 / 3.0 + a**2 * statistic**3 / 27.0 + a / 6.0

    def _untransformed(self, statistic: float) -> float:
        a = self.skewness
        if abs(a) < 1e-6:
            return statistic
        return float(3.0 / a * (np.cbrt(1.0 + a * (statistic - a / 6.0)) - 1.0))


def mean_error(values: Values, clusters: Clusters | None = None, name: str = "values") -> MeanError:
    """Compute the mean over examples and its cluster-robust standard error (CR2, see `stats.robust`).

    With e_g the sum of the n_g residuals of cluster g, SE^2 = sum(e_g^2 / (1 - n_g / n)) / n^2. With one
    example per cluster that is s^2 / n.

    Args:
        values: One value per example, shape (n,).
        clusters: The cluster label of each example. None: all examples are independent.
        name: The name of the values in error messages.

    Raises:
        InvalidRun: There are no values, one is not finite, or the numbers of labels and values differ.
    """
    array = check_values(values, name)
    n = array.size
    sums = cluster_sums([array, np.ones(n)], clusters)
    mean = float(sums[:, 0].sum()) / n
    if len(sums) == 1:
        return MeanError(mean, math.inf, n, 1, 0.0, 0.0)
    residuals = sums[:, :1] - sums[:, 1:] * mean
    errors = robust_errors(sums[:, 1:, np.newaxis], residuals)
    error, degrees, skewness = (
        float(part[0]) for part in (errors.standard_error, errors.degrees_of_freedom, errors.skewness)
    )
    return MeanError(mean, error, n, len(sums), degrees, skewness)


def mean_interval(values: Values, clusters: Clusters | None = None, confidence: float = 0.95) -> Estimate:
    """Return the mean with its interval, in the unit of the values.

    It is for values without a known range (losses, lengths, times). Percentages have `percent_interval`.
    The interval is the t interval with CR2 errors and Satterthwaite's degrees of freedom, and on the side
    of the longer tail Hall's interval for skewed values. It is (-inf, inf), which means that there is none,
    with fewer than 12 clusters, with fewer than 2 degrees of freedom (a few large clusters decide), and if
    all values are equal.

    Args:
        values: One value per example, shape (n,). Examples have equal weight.
        clusters: The cluster label of each example. None: all examples are independent.
        confidence: The confidence of the interval, between 0 and 1.

    Returns:
        The estimate; its method is "t-hall", or "cluster-t-hall" with clusters.

    Raises:
        InvalidRun: As in `mean_error`.
    """
    error = mean_error(values, clusters)
    low, high = error.ends(confidence)
    method = "t-hall" if clusters is None else "cluster-t-hall"
    return Estimate(error.mean, low, high, error.n, error.clusters, confidence, method)
