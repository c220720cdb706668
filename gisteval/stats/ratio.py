"""Intervals of ratios of means: all ratios that a test of means does not reject.

If the mean of b is positive, a ratio of means a / b is at least r exactly if the mean of a - r b is at
least 0. So the interval consists of all r for which the test does not show that mean to be on either side
of 0. If the test of means gives no bound, the ratio has none.

Source: E. C. Fieller, "Some problems in interval estimation", Journal of the Royal Statistical Society B
16, 1954. Fieller's test is the t test; here it is the test of `stats.intervals` or of `stats.bounded`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import brentq

from gisteval.records.schema import Estimate
from gisteval.stats.bounded import bounded_mean
from gisteval.stats.intervals import mean_error
from gisteval.stats.samples import (
    Clusters,
    FloatArray,
    Values,
    check_confidence,
    check_same_length,
    check_values,
)

_FURTHEST = 1e6
"""The search for an end stops here. An interval that reaches further is unbounded."""


def retention(
    candidate: Values,
    positive: Values,
    negative: Values,
    clusters: Clusters | None = None,
    *,
    percent: bool,
    confidence: float = 0.95,
) -> Estimate:
    """Return a candidate's share of the gap between the controls, in percent, with its interval.

    It is 100 * (mean candidate - mean negative) / (mean positive - mean negative). The interval inverts the
    t test of `mean_interval`; its method is "test-inversion". It is (-inf, inf) unless the controls are
    shown to differ, at the level of the interval's end.

    Args:
        candidate: One value per example, shape (n,).
        positive: The positive control's values of the same examples in the same order.
        negative: The negative control's values, likewise.
        clusters: The cluster label of each example. None: all examples are independent.
        percent: Whether the values lie between 0 and 100. Then `bounded_mean` tests whether the controls
            differ, and its test gives the interval if the t test has none (few clusters, or no spread).
        confidence: The confidence of the interval, between 0 and 1.

    Returns:
        The estimate in percent; its value is NaN if the gap is exactly zero.

    Raises:
        InvalidRun: The sides differ in their numbers of values, or as in `mean_interval`.
    """
    ours, upper, lower = (
        check_values(values, name)
        for values, name in ((candidate, "candidate"), (positive, "positive"), (negative, "negative"))
    )
    check_same_length(candidate=ours, positive=upper, negative=lower)
    # The largest possible value of a - r b if all three values lie between 0 and 100.
    span = (lambda r: 100.0 * max(1.0, abs(r), abs(1.0 - r))) if percent else None
    return _ratio(ours - lower, upper - lower, clusters, confidence, span, 100.0)


def ratio_of_means(
    above: Values, below: Values, clusters: Clusters | None = None, confidence: float = 0.95
) -> Estimate:
    """Return the mean of `above` divided by the mean of `below`; method "test-inversion".

    The interval is (-inf, inf) if that of `mean_interval` is, or if all examples have the same ratio.

    Args:
        above: The numerator of each example, shape (n,).
        below: The denominator of each example, shape (n,).
        clusters: The cluster label of each example. None: all examples are independent.
        confidence: The confidence of the interval, between 0 and 1.

    Raises:
        InvalidRun: As in `retention`.
    """
    over, under = check_values(above, "above"), check_values(below, "below")
    check_same_length(above=over, below=under)
    return _ratio(over, under, clusters, confidence, None, 1.0)


def _ratio(
    above: FloatArray,
    below: FloatArray,
    clusters: Clusters | None,
    confidence: float,
    span: Callable[[float], float] | None,
    unit: float,
) -> Estimate:
    check_confidence(confidence)
    tail = 0.5 - confidence / 2.0
    sign = math.copysign(1.0, float(below.sum()))
    above, below = sign * above, sign * below
    total = float(below.sum())
    value = float(above.sum()) / total if total else math.nan
    low, high, groups = -math.inf, math.inf, len(below) if clusters is None else len(set(clusters))

    def by_t(upper: bool, r: float) -> float:
        """Return a number below 0 if r is rejected, as too high (upper) or as too low."""
        ends = mean_error(above - r * below, clusters).ends(confidence)
        return ends[1] if upper else -ends[0]

    def by_bounds(upper: bool, r: float) -> float:
        assert span is not None
        reach = span(r) * (1.0 + 1e-9)
        mean = bounded_mean(above - r * below, -reach, reach, clusters)
        return (mean.p_at_least(0.0) if upper else mean.p_at_most(0.0)) - tail

    if total and _is_above_zero(below, clusters, confidence, span is not None):
        rest = mean_error(above - value * below, clusters)
        if rest.standard_error > 1e-9 * abs(total) / below.size:
            low, high = first_rejected(by_t, False, value), first_rejected(by_t, True, value)
        if span is not None and not (math.isfinite(low) and math.isfinite(high)):
            low, high = first_rejected(by_bounds, False, value), first_rejected(by_bounds, True, value)
    return Estimate(unit * value, unit * low, unit * high, below.size, groups, confidence, "test-inversion")


def _is_above_zero(below: FloatArray, clusters: Clusters | None, confidence: float, percent: bool) -> bool:
    """Say whether the denominator is shown to be above 0, at the level of the interval's end."""
    if percent:
        reach = max(100.0, float(np.abs(below).max()))
        return bounded_mean(below, -reach, reach, clusters).p_at_most(0.0) < 0.5 - confidence / 2.0
    low = mean_error(below, clusters).ends(confidence)[0]
    # Numbers that are all positive need no test, even if they are all equal.
    return bool(below.min() > 0.0) or (math.isfinite(low) and low > 0.0)


def first_rejected(margin: Callable[[bool, float], float], upper: bool, value: float) -> float:
    """Find the first ratio above (or below) the estimate that is rejected; infinite if there is none."""
    inside, step = value, 0.05 * max(abs(value), 1.0)
    direction = 1.0 if upper else -1.0
    while step < _FURTHEST:
        outside = value + direction * step
        if margin(upper, outside) < 0.0:
            return float(brentq(lambda r: margin(upper, r), inside, outside, xtol=1e-7))
        inside, step = outside, 2.0 * step
    return direction * math.inf
