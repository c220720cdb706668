"""Two systems on one metric: the only functions for paired differences and what is retained.

Result rows, the comparison of runs and the gate all ask here, so none of them says what another denies.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gisteval import stats
from gisteval.metrics.base import Metric, percentages
from gisteval.records.schema import Estimate
from gisteval.scores.columns import SystemScores
from gisteval.stats.intervals import mean_error
from gisteval.stats.samples import FloatArray


def labels_of(clusters: Sequence[str], known: NDArray[np.bool_]) -> list[str]:
    """The cluster labels of the examples that are known."""
    return [label for label, keep in zip(clusters, known, strict=True) if keep]


def paired_difference(
    metric: Metric,
    ours: FloatArray,
    theirs: FloatArray,
    clusters: Sequence[str],
    permutations: int = 1,
    span: float | None = None,
) -> stats.PairedDifference | None:
    """The mean of ours - theirs over the examples that both have a value for; None without any.

    Args:
        metric: Its range says which interval holds.
        ours: Values of one system, shape (n,), NaN where there is none.
        theirs: Those of the other, of the same examples in the same order.
        clusters: The label of each example, shape (n,).
        permutations: Of the sign flips of the second p-value.
        span: The largest difference there can be, where it is less than the metric's own.
    """
    differences = ours - theirs
    known = ~np.isnan(differences)
    if not known.any():
        return None
    return stats.paired_difference(
        differences[known],
        np.zeros(int(known.sum())),
        labels_of(clusters, known),
        span=metric.span if span is None else span,
        permutations=permutations,
    )


def difference_p_value(metric: Metric, differences: FloatArray, clusters: Sequence[str]) -> float:
    """The p-value of `paired_difference` for known differences, without its costly interval."""
    if metric.span is None:
        return mean_error(differences, clusters).p_value()
    return stats.bounded_mean(differences, -metric.span, metric.span, clusters).p_value(0.0)


def margin_test(metric: Metric, scores: SystemScores, positive: SystemScores) -> stats.MarginTest | None:
    """Whether a system is within the margin of its positive control, and whether it is worse.

    Where the control has no output its worst value makes no system good: there any claim counts the worst.
    None for a metric without a range, since nothing says how many points a difference is.
    """
    if metric.span is None or not metric.graded:
        return None
    ours, theirs = (percentages(metric, part.columns[metric.name]) for part in (scores, positive))
    differences = metric.sign * (ours - theirs)
    held = np.where(positive.answered, differences, np.nan)
    return stats.margin_test(held, scores.clusters, 100.0)


@dataclass(frozen=True, slots=True)
class Retained:
    """What is kept of the gap between the controls, in percent; p_controls: that they are not apart."""

    estimate: Estimate
    p_controls: float | None


def retention(
    metric: Metric, scores: SystemScores, positive: SystemScores, negative: SystemScores
) -> Retained | None:
    """What a system keeps of the gap between its controls, where all three have a value."""
    bounded = metric.span is not None and metric.graded
    parts = np.array([part.columns[metric.name] for part in (scores, positive, negative)])
    known = ~np.isnan(parts).any(axis=0)
    if not known.any():
        return None
    ours, upper, lower = parts[:, known]
    if bounded:
        ours, upper, lower = (percentages(metric, part) for part in (ours, upper, lower))
    clusters = labels_of(scores.clusters, known)
    kept = stats.retention(ours, upper, lower, clusters, percent=bounded)
    # What the negative control has no output for must not tell the controls apart.
    gap = np.where(negative.answered[known], metric.sign * (upper - lower), -100.0)
    apart = stats.bounded_mean(gap, -100.0, 100.0, clusters).p_at_most(0.0) if bounded else None
    return Retained(kept, apart)


def mean_of(metric: Metric, values: FloatArray, clusters: Sequence[str]) -> Estimate:
    """The mean of known values with its interval, which stays within the metric's range."""
    if metric.low is not None and metric.high is not None:
        return stats.bounded_mean(values, metric.low, metric.high, clusters).interval()
    return within_range(metric, stats.mean_interval(values, clusters))


def within_range(metric: Metric, estimate: Estimate) -> Estimate:
    """An estimate whose finite ends don't leave the metric's range."""
    low, high = estimate.ci_low, estimate.ci_high
    if metric.low is not None and np.isfinite(low):
        low = max(low, metric.low)
    if metric.high is not None and np.isfinite(high):
        high = min(high, metric.high)
    return Estimate(
        estimate.value, low, high, estimate.n, estimate.clusters, estimate.confidence, estimate.method
    )


def same_values(first: str, second: str, parts: Sequence[SystemScores | None]) -> bool:
    """Whether two metrics have the same values, as both kinds of ROUGE-L have on ASCII texts."""
    columns: list[Mapping[str, FloatArray]] = [part.columns for part in parts if part is not None]
    return all(
        first in found and second in found and np.array_equal(found[first], found[second], equal_nan=True)
        for found in columns
    )
