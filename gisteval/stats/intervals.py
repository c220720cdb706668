"""Intervals of a mean whose values have no known range: t, corrected for clusters and for skewness."""

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
"""Below this many clusters a t interval of skewed values covers less than 94%: there is none."""

FEWEST_DEGREES = 2.0
"""With fewer degrees of freedom a few large clusters decide everything: there is no interval."""


@dataclass(frozen=True, slots=True)
class MeanError:
    """An estimate with what its interval is made of.

    The standard error is infinite if there is one cluster only. skewness: of the estimate, as in
    `stats.robust`.
    """

    mean: float
    standard_error: float
    n: int
    clusters: int
    degrees_of_freedom: float
    skewness: float

    @property
    def bounded(self) -> bool:
        """Whether the data bound the number at all.

        They don't where values are all the same (which is no certainty), nor with too few clusters.
        """
        return (
            self.clusters >= FEWEST_CLUSTERS
            and self.degrees_of_freedom >= FEWEST_DEGREES
            and math.isfinite(self.standard_error)
            and self.standard_error > 1e-12 * abs(self.mean)
        )

    def p_value(self) -> float:
        """Two-sided p-value of the hypothesis that the mean is 0; 1 where there is no interval.

        It is below 1 - confidence exactly where the interval leaves 0 out.
        """
        if not self.bounded:
            return 1.0
        statistic = self.mean / self.standard_error
        least = min(abs(statistic), abs(self._transformed(statistic)))
        return float(2.0 * stdtr(self.degrees_of_freedom, -least))

    def p_below_zero(self) -> float:
        """One-sided p-value of the hypothesis that the mean is 0 or less; 1 where there is no interval."""
        if not self.bounded:
            return 1.0
        half = 0.5 * self.p_value()
        return half if self.mean > 0.0 else 1.0 - half

    def p_above_zero(self) -> float:
        """One-sided p-value of the hypothesis that the mean is 0 or more; 1 where there is no interval."""
        if not self.bounded:
            return 1.0
        half = 0.5 * self.p_value()
        return half if self.mean < 0.0 else 1.0 - half

    def ends(self, confidence: float) -> tuple[float, float]:
        """Both ends of the two-sided interval: of the t interval and of Hall's, the outer ones."""
        check_confidence(confidence)
        if not self.bounded:
            return -math.inf, math.inf
        quantile = float(stdtrit(self.degrees_of_freedom, 0.5 + confidence / 2.0))
        furthest = max(quantile, self._untransformed(quantile))
        nearest = min(-quantile, self._untransformed(-quantile))
        return self.mean - self.standard_error * furthest, self.mean - self.standard_error * nearest

    def _transformed(self, statistic: float) -> float:
        """Hall's monotone cubic, which takes the skewness out of a t statistic.

        P. Hall, "On the removal of skewness by transformation", J. Royal Statistical Society B 54, 1992.
        """
        a = self.skewness
        return statistic + a * statistic**2 / 3.0 + a**2 * statistic**3 / 27.0 + a / 6.0

    def _untransformed(self, statistic: float) -> float:
        a = self.skewness
        if abs(a) < 1e-6:
            return statistic
        return float(3.0 / a * (np.cbrt(1.0 + a * (statistic - a / 6.0)) - 1.0))


def mean_error(values: Values, clusters: Clusters | None = None, name: str = "values") -> MeanError:
    """The mean over examples and its standard error, cluster-robust (CR2) where clusters are given.

    With e_g the sum of a cluster's n_g residuals, SE^2 = sum(e_g^2 / (1 - n_g / n)) / n^2: of one example a
    cluster, s^2 / n. Raises InvalidRun on empty or non-finite values, or if labels and values differ in
    number.
    """
    array = check_values(values, name)
    n = array.size
    sums = cluster_sums([array, np.ones(n)], clusters)
    mean = float(sums[:, 0].sum()) / n
    if len(sums) == 1:
        return MeanError(mean, math.inf, n, 1, 0.0, 0.0)
    residuals = sums[:, :1] - sums[:, 1:] * mean
    found = robust_errors(sums[:, 1:, np.newaxis], residuals)
    error, degrees, skewness = (
        float(part[0]) for part in (found.standard_error, found.degrees_of_freedom, found.skewness)
    )
    return MeanError(mean, error, n, len(sums), degrees, skewness)


def mean_interval(values: Values, clusters: Clusters | None = None, confidence: float = 0.95) -> Estimate:
    """Mean with its interval, in the unit of the values; method "t-hall" or "cluster-t-hall".

    For values without a known range (losses, lengths, times); those in percent have `percent_interval`.
    `clusters` gives one label an example; examples of one label are not independent. The mean weighs
    examples alike either way. The interval is the t interval with CR2 errors and Satterthwaite's degrees of
    freedom, and, on the side of the longer tail, Hall's for skewed values. It is (-inf, inf), which is to
    say that there is none, with fewer than 12 clusters, where a few large ones decide (fewer than 2 degrees
    of freedom), and where all values are the same. Raises InvalidRun as `mean_error` does.
    """
    error = mean_error(values, clusters)
    low, high = error.ends(confidence)
    method = "t-hall" if clusters is None else "cluster-t-hall"
    return Estimate(error.mean, low, high, error.n, error.clusters, confidence, method)
