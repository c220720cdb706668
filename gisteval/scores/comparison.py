"""Comparisons of two systems on one metric: paired differences and retention.

Result rows, `gisteval compare` and the gate all call these functions, so their numbers agree.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from gisteval import stats
from gisteval.metrics.base import Metric, percentages
from gisteval.records.schema import Estimate, ResultRow, finite
from gisteval.scores.columns import SystemScores
from gisteval.stats.intervals import mean_error
from gisteval.stats.samples import FloatArray


def labels_of(clusters: Sequence[str], known: NDArray[np.bool_]) -> list[str]:
    """Return the cluster labels of the examples whose value is known."""
    return [label for label, keep in zip(clusters, known, strict=True) if keep]


def paired_difference(
    metric: Metric,
    ours: FloatArray,
    theirs: FloatArray,
    clusters: Sequence[str],
    permutations: int = 1,
    span: float | None = None,
) -> stats.PairedDifference | None:
    """Test the mean of ours - theirs over the examples that both have a value for.

    Args:
        metric: The metric. Its range decides which interval is used.
        ours: The values of one system, shape (n,), NaN where unknown.
        theirs: The values of the other system on the same examples, in the same order.
        clusters: The cluster label of each example, shape (n,).
        permutations: The number of random sign flips for the second p-value.
        span: The largest possible difference, if it is smaller than the metric's span.

    Returns:
        The difference in the metric's unit; None if no example has both values.
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
    """Return the p-value of `paired_difference` for known differences, without the costly interval."""
    if metric.span is None:
        return mean_error(differences, clusters).p_value()
    return stats.bounded_mean(differences, -metric.span, metric.span, clusters).p_value(0.0)


def margin_test(metric: Metric, scores: SystemScores, positive: SystemScores) -> stats.MarginTest | None:
    """Test whether a system is within the margin of its positive control, and whether it is worse.

    Where the control has no output, the difference counts as unknown: the control's failure must not make
    a system look good.

    Returns:
        The two p-values; None for a metric without a range, whose differences are not in points.
    """
    if metric.span is None or not metric.graded:
        return None
    ours, theirs = (percentages(metric, part.columns[metric.name]) for part in (scores, positive))
    differences = metric.sign * (ours - theirs)
    known_or_nan = np.where(positive.answered, differences, np.nan)
    return stats.margin_test(known_or_nan, scores.clusters, 100.0)


@dataclass(frozen=True, slots=True)
class Retained:
    """The retention of a system: its share of the gap between the controls.

    Attributes:
        estimate: The share in percent.
        p_controls: The p-value of the hypothesis that the positive control is not better than the negative
            one; None for a metric without a range.
    """

    estimate: Estimate
    p_controls: float | None

    def added_to(self, row: ResultRow, negative: str) -> ResultRow:
        """Add the retention to a system's row. negative: the name of the negative control."""
        return replace(
            row,
            negative=negative,
            p_controls=self.p_controls,
            retention=finite(self.estimate.value),
            retention_ci_low=finite(self.estimate.ci_low),
            retention_ci_high=finite(self.estimate.ci_high),
        )


def retained_share(
    ours: FloatArray,
    positive: FloatArray,
    negative: FloatArray,
    clusters: Sequence[str] | None,
    gap: FloatArray,
    span: float | None,
) -> Retained:
    """Compute a retention from values of the same examples, each of shape (n,).

    Args:
        ours: The system's values.
        positive: The positive control's values.
        negative: The negative control's values.
        clusters: The cluster label of each example. None: all examples are independent.
        gap: By how much the positive control is better, as the test of the controls counts it.
        span: The largest possible gap, of values between 0 and 100; None for values without a range.
    """
    estimate = stats.retention(ours, positive, negative, clusters, percent=span is not None)
    if span is None:
        return Retained(estimate, None)
    return Retained(estimate, stats.bounded_mean(gap, -span, span, clusters).p_at_most(0.0))


def retention(
    metric: Metric, scores: SystemScores, positive: SystemScores, negative: SystemScores
) -> Retained | None:
    """Compute the retention over the examples that all three systems have a value for; None without any."""
    bounded = metric.span is not None and metric.graded
    parts = np.array([part.columns[metric.name] for part in (scores, positive, negative)])
    known = ~np.isnan(parts).any(axis=0)
    if not known.any():
        return None
    ours, upper, lower = parts[:, known]
    if bounded:
        ours, upper, lower = (percentages(metric, part) for part in (ours, upper, lower))
    clusters = labels_of(scores.clusters, known)
    # An output that the negative control lacks must not count as a difference between the controls.
    gap = np.where(negative.answered[known], metric.sign * (upper - lower), -100.0)
    return retained_share(ours, upper, lower, clusters, gap, 100.0 if bounded else None)


def mean_of(
    metric: Metric, values: FloatArray, clusters: Sequence[str] | None, confidence: float = 0.95
) -> Estimate:
    """Return the mean of known values with its interval, which stays within the metric's range.

    Args:
        metric: The metric. Its range decides which interval is used.
        values: The values, shape (n,), none NaN.
        clusters: The cluster label of each value. None: all values are independent.
        confidence: The confidence of the interval, between 0 and 1.
    """
    if metric.low is not None and metric.high is not None:
        return stats.bounded_mean(values, metric.low, metric.high, clusters).interval(confidence)
    return within_range(metric, stats.mean_interval(values, clusters, confidence))


def within_range(metric: Metric, estimate: Estimate) -> Estimate:
    """Cut off the finite ends of an interval at the metric's range."""
    low, high = estimate.ci_low, estimate.ci_high
    if metric.low is not None and np.isfinite(low):
        low = max(low, metric.low)
    if metric.high is not None and np.isfinite(high):
        high = min(high, metric.high)
    return Estimate(
        estimate.value, low, high, estimate.n, estimate.clusters, estimate.confidence, estimate.method
    )


def same_values(first: str, second: str, parts: Sequence[SystemScores | None]) -> bool:
    """Say whether two metrics have the same values, as both kinds of ROUGE-L have on ASCII texts."""
    columns: list[Mapping[str, FloatArray]] = [part.columns for part in parts if part is not None]
    return all(
        first in values
        and second in values
        and np.array_equal(values[first], values[second], equal_nan=True)
        for values in columns
    )
