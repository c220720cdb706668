"""Closed-form intervals: the mean (t and cluster-robust t) and the proportion (Wilson)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtr, stdtrit

from gisteval.errors import InvalidRun
from gisteval.schema import Estimate
from gisteval.stats.samples import (
    Clusters,
    Values,
    check_confidence,
    check_values,
    cluster_sums,
)


@dataclass(frozen=True, slots=True)
class MeanError:
    """A mean with its standard error, which is infinite if there is one cluster only."""

    mean: float
    standard_error: float
    n: int
    clusters: int

    @property
    def degrees_of_freedom(self) -> int:
        """Clusters less one."""
        return self.clusters - 1

    def p_value(self) -> float:
        """Two-sided p-value of the t test that the mean is 0.

        1 if there is one cluster only, since nothing is known about the spread. If all values
        are the same the spread is taken as 0, so 1 if they are 0 and 0 otherwise.
        """
        if self.mean == 0.0 or math.isinf(self.standard_error):
            return 1.0
        if self.standard_error == 0.0:
            return 0.0
        statistic = abs(self.mean) / self.standard_error
        return float(2.0 * stdtr(self.degrees_of_freedom, -statistic))

    def half_width(self, confidence: float) -> float:
        """Half the width of the two-sided t interval."""
        if math.isinf(self.standard_error):
            return math.inf
        quantile = stdtrit(self.degrees_of_freedom, 0.5 + confidence / 2.0)
        return float(quantile * self.standard_error)


def mean_error(values: Values, clusters: Clusters | None = None, name: str = "values") -> MeanError:
    """The mean over examples and its standard error, cluster-robust where clusters are given.

    CR1 of an intercept-only regression (Cameron and Miller, "A Practitioner's Guide to
    Cluster-Robust Inference", 2015, section II.C): with e_g the sum of a cluster's residuals,
    SE^2 = G/(G-1) * sum(e_g^2) / n^2. With one example a cluster it is s^2 / n.
    Raises InvalidRun on empty or non-finite values, or if labels and values differ in number.
    """
    array = check_values(values, name)
    n = array.size
    sums = cluster_sums([array, np.ones(n)], clusters)
    groups = len(sums)
    mean = float(sums[:, 0].sum()) / n
    if groups == 1:
        return MeanError(mean, math.inf, n, groups)
    residuals = sums[:, 0] - sums[:, 1] * mean
    variance = groups / (groups - 1) * float(np.square(residuals).sum()) / n**2
    return MeanError(mean, math.sqrt(variance), n, groups)


def mean_interval(values: Values, clusters: Clusters | None = None, confidence: float = 0.95) -> Estimate:
    """Mean with its t interval, in the unit of the values; method "t" or "cluster-t".

    `clusters` gives one label an example; examples of one label are not independent, and the
    interval is the cluster-robust one (CR1) with t quantiles of clusters - 1 degrees of freedom.
    The mean weighs examples alike either way. With one example or one cluster the spread is
    unknown and the interval is (-inf, inf); values that are all the same show none, and give an
    interval of no width. Raises InvalidRun as `mean_error` does.
    """
    check_confidence(confidence)
    error = mean_error(values, clusters)
    half_width = error.half_width(confidence)
    return Estimate(
        value=error.mean,
        ci_low=error.mean - half_width,
        ci_high=error.mean + half_width,
        n=error.n,
        clusters=error.clusters,
        confidence=confidence,
        method="t" if clusters is None else "cluster-t",
    )


def wilson_interval(successes: int, trials: int, confidence: float = 0.95) -> Estimate:
    """Share of successes in percent with Wilson's score interval; method "wilson".

    For outcomes that are one of two things. Values with ties at one half (win rates) have a
    smaller spread: use `mean_interval`. E. B. Wilson, JASA 22(158), 1927.
    Raises InvalidRun unless 0 <= successes <= trials and trials >= 1.
    """
    check_confidence(confidence)
    if trials < 1 or not 0 <= successes <= trials:
        raise InvalidRun(
            f"{successes} successes in {trials} trials: expected 0 to n successes in n >= 1 trials"
        )
    z_squared = float(ndtri(0.5 + confidence / 2.0)) ** 2
    share = successes / trials
    centre = share + z_squared / (2 * trials)
    half_width = math.sqrt(z_squared * share * (1 - share) / trials + z_squared**2 / (4 * trials**2))
    scale = 1 + z_squared / trials
    return Estimate(
        value=100.0 * successes / trials,
        # At the ends the formula gives the end itself, give or take a rounding error.
        ci_low=100.0 * (centre - half_width) / scale if successes > 0 else 0.0,
        ci_high=100.0 * (centre + half_width) / scale if successes < trials else 100.0,
        n=trials,
        clusters=trials,
        confidence=confidence,
        method="wilson",
    )


def proportion_interval(
    outcomes: Sequence[bool], clusters: Clusters | None = None, confidence: float = 0.95
) -> Estimate:
    """Share of true outcomes in percent, with Wilson's interval or one that knows of clusters.

    With clusters it is the cluster-robust t interval, cut off at 0 and 100. If all outcomes are
    the same that interval would have no width: then it is Wilson's with each cluster a single
    trial, method "cluster-wilson". Raises InvalidRun if there are no outcomes, or if labels and
    outcomes differ in number.
    """
    hits = np.asarray(outcomes, dtype=np.float64)
    if clusters is None:
        return wilson_interval(int(hits.sum()), hits.size, confidence)
    estimate = mean_interval(100.0 * hits, clusters, confidence)
    if estimate.value not in (0.0, 100.0):
        low, high, method = max(estimate.ci_low, 0.0), min(estimate.ci_high, 100.0), "cluster-t"
    else:
        groups = estimate.clusters
        whole = wilson_interval(groups if estimate.value else 0, groups, confidence)
        low, high, method = whole.ci_low, whole.ci_high, "cluster-wilson"
    return Estimate(estimate.value, low, high, estimate.n, estimate.clusters, confidence, method)
