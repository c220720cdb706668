"""Bootstrap intervals of ratios of sums: the mean, and the retention of a score.

Both statistics are sum(a) / sum(b) over clusters: a mean has the cluster's size as b, retention
the cluster's gap between the controls. So one resampling of whole clusters serves both. Without
clusters every example is its own. B. Efron and R. J. Tibshirani, "An Introduction to the
Bootstrap", 1993, chapters 13 (percentile) and 14 (BCa).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

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

BootstrapMethod = Literal["percentile", "bca"]

# Indices drawn at a time: about 16 MB with the values they pick, whatever the sample's size.
_CHUNK = 1 << 20

# The largest table of counts that is kept for the next sample of as many groups: 32 MB.
_KEPT = 1 << 24

# Retention is unbounded once the resampled gap between the controls changes sign in more than
# this part of one tail (0.1% of the resamples at 95% confidence).
_FLIPPED_PART_OF_TAIL = 0.04


def bootstrap_interval(
    values: Values,
    clusters: Clusters | None = None,
    confidence: float = 0.95,
    *,
    resamples: int = 10_000,
    seed: int = 0,
    method: BootstrapMethod = "bca",
) -> Estimate:
    """Mean with its bootstrap interval, in the unit of the values.

    Whole clusters are resampled where labels are given, examples otherwise. `method` is "bca"
    (bias-corrected and accelerated) or "percentile"; the estimate's is "bootstrap-bca",
    "cluster-bootstrap-bca" and so on. The same seed gives the same interval in any order of the
    examples. With one example or one cluster the interval is (-inf, inf); below some 30 clusters
    it is too narrow, and the t interval is the better one.
    Raises InvalidRun on empty or non-finite values, or if labels and values differ in number.
    """
    check_confidence(confidence)
    array = check_values(values, "values")
    sums = cluster_sums([array, np.ones(array.size)], clusters)
    value = float(sums[:, 0].sum()) / array.size
    low, high = -math.inf, math.inf
    if len(sums) > 1:
        totals = _resampled_totals(sums, resamples, seed)
        ratios = totals[:, 0] / totals[:, 1]
        tails = np.array([0.5 - confidence / 2.0, 0.5 + confidence / 2.0])
        if method == "bca":
            tails = _bca_levels(tails, ratios, value, sums)
        low, high = (float(limit) for limit in np.quantile(ratios, tails))
    prefix = "bootstrap" if clusters is None else "cluster-bootstrap"
    return Estimate(value, low, high, array.size, len(sums), confidence, f"{prefix}-{method}")


def retention(
    candidate: Values,
    positive: Values,
    negative: Values,
    clusters: Clusters | None = None,
    *,
    resamples: int = 10_000,
    seed: int = 0,
    confidence: float = 0.95,
) -> Estimate:
    """Share of the gap between the controls that a candidate keeps, in percent.

    100 * (mean candidate - mean negative) / (mean positive - mean negative), from the values of
    the same examples in one order, with the percentile bootstrap interval of that ratio over
    examples (whole clusters where labels are given); method "bootstrap-percentile" or
    "cluster-bootstrap-percentile". The three scores share a unit, which cancels.

    A gap that is not clearly different from zero supports no bounded interval: it is (-inf, inf)
    if the resampled gap has the other sign, or is zero, in more than a 25th of a tail, or if
    there is one example or one cluster only. The value is NaN if the gap is exactly zero.
    Raises InvalidRun if the sides differ in number of values, or as `bootstrap_interval` does.
    """
    check_confidence(confidence)
    scores = {
        "candidate": check_values(candidate, "candidate"),
        "positive": check_values(positive, "positive"),
        "negative": check_values(negative, "negative"),
    }
    check_same_length(**scores)
    kept = scores["candidate"] - scores["negative"]
    gap = scores["positive"] - scores["negative"]
    sums = cluster_sums([kept, gap], clusters)
    total_kept, total_gap = (float(total) for total in sums.sum(axis=0))
    value = 100.0 * total_kept / total_gap if total_gap else math.nan
    low, high = -math.inf, math.inf
    if len(sums) > 1 and total_gap:
        totals = _resampled_totals(sums, resamples, seed)
        tail = 0.5 - confidence / 2.0
        flipped = np.mean(totals[:, 1] * math.copysign(1.0, total_gap) <= 0.0)
        if flipped <= _FLIPPED_PART_OF_TAIL * tail:
            usable = totals[totals[:, 1] != 0.0]
            ratios = 100.0 * usable[:, 0] / usable[:, 1]
            low, high = (float(limit) for limit in np.quantile(ratios, [tail, 1.0 - tail]))
    prefix = "bootstrap" if clusters is None else "cluster-bootstrap"
    return Estimate(value, low, high, gap.size, len(sums), confidence, f"{prefix}-percentile")


def _resampled_totals(sums: FloatArray, resamples: int, seed: int) -> FloatArray:
    """Column totals over each resample of the G rows with replacement, shape (resamples, 2)."""
    if resamples < 1:
        raise ValueError(f"resamples is at least 1, not {resamples}")
    groups = len(sums)
    if resamples * groups <= _KEPT:
        return np.concatenate([part.astype(np.float64) @ sums for part in _counts(groups, resamples, seed)])
    columns = [np.ascontiguousarray(column) for column in sums.T]
    # A constant column (sizes without clusters) has the same total in every resample.
    equal = [bool((column == column[0]).all()) for column in columns]
    totals = [
        [
            np.full(len(rows), groups * column[0]) if same else column[rows].sum(axis=1)
            for column, same in zip(columns, equal, strict=True)
        ]
        for rows in _draws(groups, resamples, seed)
    ]
    return np.concatenate([np.stack(part, axis=1) for part in totals])


def _draws(groups: int, resamples: int, seed: int) -> Iterator[NDArray[np.int32]]:
    """The groups drawn in each resample, shape (resamples, groups), in pieces."""
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK // groups)
    for start in range(0, resamples, step):
        yield generator.integers(groups, size=(min(step, resamples - start), groups), dtype=np.int32)


@lru_cache(maxsize=4)
def _counts(groups: int, resamples: int, seed: int) -> tuple[NDArray[np.uint16], ...]:
    """How often each group is drawn instead, kept: all metrics of all systems of a split share it."""
    parts = []
    for rows in _draws(groups, resamples, seed):
        parts.append(np.empty(rows.shape, np.uint16))
        for place, row in enumerate(rows):
            parts[-1][place] = np.bincount(row, minlength=groups)
    return tuple(parts)


def _bca_levels(tails: FloatArray, ratios: FloatArray, value: float, sums: FloatArray) -> FloatArray:
    """The quantile levels that correct the percentile interval for bias and skewness.

    Efron and Tibshirani's (14.10), with the acceleration (14.15) from leaving out one cluster
    at a time.
    """
    below = np.count_nonzero(ratios < value) + 0.5 * np.count_nonzero(ratios == value)
    # Half a resample away from 0 and 1, where the normal quantile would be infinite.
    share = np.clip(below / ratios.size, 0.5 / ratios.size, 1.0 - 0.5 / ratios.size)
    bias = ndtri(share)
    left_out = (sums[:, 0].sum() - sums[:, 0]) / (sums[:, 1].sum() - sums[:, 1])
    influence = left_out.mean() - left_out
    spread = float(np.square(influence).sum())
    acceleration = float((influence**3).sum()) / (6.0 * spread**1.5) if spread > 0.0 else 0.0
    shifted = bias + ndtri(tails)
    levels: FloatArray = ndtr(bias + shifted / (1.0 - acceleration * shifted))
    return levels
