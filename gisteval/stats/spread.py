"""How far values spread between items, and between repeated samples of one item.

With K samples of each of n items, the variance of the mean is (items + samples / K) / n, where `items` is
the variance of the items' true means and `samples` the mean variance of an item's samples. Both are means
over items: of (m - mean)^2 n / (n - 1) - s^2 / K, and of s^2, where m is an item's mean and s^2 its
unbiased variance. So both have the interval of a mean, and its ends are turned into standard deviations.

Source: E. Miller, "Adding Error Bars to Evals: A Statistical Approach to Language Model Evaluations", arXiv
2411.00640, 2024, sections 2.2 and 3; the estimates are those of a one-way analysis of variance with random
effects (S. R. Searle, G. Casella and C. E. McCulloch, "Variance Components", 1992, chapter 3).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from gisteval.records.schema import Estimate
from gisteval.stats.intervals import mean_interval
from gisteval.stats.samples import Clusters, FloatArray


@dataclass(frozen=True, slots=True)
class SpreadParts:
    """Standard deviations in the unit of the values, with their intervals.

    Attributes:
        items: Of the items' true means.
        samples: Of the samples of one item.
    """

    items: Estimate
    samples: Estimate


def spread(
    means: FloatArray, within: FloatArray, samples: int, clusters: Clusters | None = None
) -> SpreadParts:
    """Split the variance of values into that between items and that between samples of one item.

    Args:
        means: The mean of each item's samples, shape (n,).
        within: The unbiased variance of each item's samples, shape (n,).
        samples: The number of samples of each item, at least 2.
        clusters: The cluster label of each item. None: all items are independent.

    Returns:
        Both standard deviations. An estimated variance below 0 is 0. Their intervals are unbounded where
        `mean_interval` has none.
    """
    n = len(means)
    if n < 2:
        empty = Estimate(0.0, 0.0, math.inf, n, n, 0.95, "none")
        return SpreadParts(empty, replace(empty, value=math.sqrt(float(within.mean()))))
    between = np.square(means - means.mean()) * n / (n - 1.0) - within / samples
    return SpreadParts(*(_root(mean_interval(part, clusters)) for part in (between, within)))


@dataclass(frozen=True, slots=True)
class Gains:
    """What more samples of each item would do to the error of a mean.

    Attributes:
        share: The part of the variance of the mean that the samples cause.
        twice_samples: By which part twice as many samples would narrow its interval.
        twice_items: By which part twice as many items would.
    """

    share: float
    twice_samples: float
    twice_items: float


def gains(items: float, samples: float, count: int) -> Gains | None:
    """Compare more samples with more items; None where nothing spreads.

    Args:
        items: The variance of the items' true means.
        samples: The variance of the samples of one item.
        count: The number of samples of each item.
    """
    own = samples / count
    variance = items + own
    if not variance:
        return None
    return Gains(own / variance, 1.0 - math.sqrt((items + own / 2.0) / variance), 1.0 - math.sqrt(0.5))


def _root(variance: Estimate) -> Estimate:
    """Turn a variance and its interval into standard deviations."""
    value, low, high = (
        math.sqrt(max(end, 0.0)) for end in (variance.value, variance.ci_low, variance.ci_high)
    )
    return replace(variance, value=value, ci_low=low, ci_high=high)
