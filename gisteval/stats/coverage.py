"""How often an interval covers the truth on data that are shaped like a given sample.

The sample is taken for the population: whole clusters of it are drawn with replacement, and the truth is
its own mean. So the simulation knows the sample's ties, skewness and cluster sizes. It does not know what
the sample never saw. Where losses are so rare that none occurred, no simulation of this kind shows that an
interval without room for them is too narrow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from gisteval.stats.bounded import BoundedMean
from gisteval.stats.intervals import FEWEST_CLUSTERS, mean_error
from gisteval.stats.samples import Clusters, FloatArray, Values, check_values, cluster_sums


@dataclass(frozen=True, slots=True)
class Coverage:
    """How often two intervals cover the truth, in percent of the samples that have an interval.

    Attributes:
        method: The method that gisteval uses for such values: "gaffke" or "t-hall".
        covered: Of that method; None if there is no interval.
        plain: Of the t interval that knows only the clusters' spread; None if there is no interval.
        samples: How many samples were drawn.
    """

    method: str
    covered: float | None
    plain: float | None
    samples: int


def simulate_coverage(
    values: Values,
    clusters: Clusters | None,
    span: tuple[float, float] | None,
    samples: int = 400,
    seed: int = 0,
    confidence: float = 0.95,
) -> Coverage:
    """Simulate the coverage of the interval of a mean.

    Args:
        values: One value per example, shape (n,).
        clusters: The cluster label of each example. None: all examples are independent.
        span: The range of the values. None: there is none, and the interval is that of `mean_interval`.
        samples: How many samples are drawn.
        seed: The seed of the draws.
        confidence: The confidence of the intervals.

    Raises:
        InvalidRun: There are no values, or one is not finite.
    """
    array = check_values(values, "values")
    sums = cluster_sums([array, np.ones(array.size)], clusters)
    truth = float(sums[:, 0].sum() / sums[:, 1].sum())
    generator = np.random.default_rng(seed)
    tail = 0.5 - confidence / 2.0
    used, plain = [], []
    for _ in range(samples):
        drawn = sums[generator.integers(len(sums), size=len(sums))]
        plain.append(_t_covers(drawn, truth, confidence))
        used.append(_bounded_covers(drawn, truth, span, tail) if span else _hall_covers(drawn, truth, tail))
    return Coverage("gaffke" if span else "t-hall", _percent(used), _percent(plain), samples)


def _percent(found: list[bool | None]) -> float | None:
    known = [covered for covered in found if covered is not None]
    return 100.0 * sum(known) / len(known) if known else None


def _bounded_covers(drawn: FloatArray, truth: float, span: tuple[float, float], tail: float) -> bool | None:
    if len(drawn) < 2:
        return None
    rows, counts = np.unique(drawn, axis=0, return_counts=True)
    n = int(drawn[:, 1].sum())
    mean = BoundedMean(
        float(drawn[:, 0].sum()) / n,
        n,
        len(drawn),
        *span,
        rows[:, 0],
        rows[:, 1],
        counts.astype(np.float64),
    )
    return mean.p_at_most(truth) >= tail and mean.p_at_least(truth) >= tail


def _hall_covers(drawn: FloatArray, truth: float, tail: float) -> bool | None:
    """Whether the interval of `mean_interval` covers; clusters of several values count by their sums."""
    if len(drawn) < FEWEST_CLUSTERS:
        return None
    sizes = drawn[:, 1].astype(int)
    values = np.repeat(drawn[:, 0] / drawn[:, 1] - truth, sizes)
    error = mean_error(values, np.repeat(np.arange(len(sizes)), sizes).tolist())
    return error.p_value() >= 2.0 * tail if error.bounded else None


def _t_covers(drawn: FloatArray, truth: float, confidence: float) -> bool | None:
    """Whether a t interval covers, with one degree of freedom less than clusters."""
    groups = len(drawn)
    if groups < 2:
        return None
    n = drawn[:, 1].sum()
    mean = drawn[:, 0].sum() / n
    spread = (
        math.sqrt(float(np.square(drawn[:, 0] - mean * drawn[:, 1]).sum()) * groups / (groups - 1.0)) / n
    )
    width = float(stdtrit(groups - 1, 0.5 + confidence / 2.0)) * spread
    return bool(abs(mean - truth) <= width + 1e-12 * abs(truth))
