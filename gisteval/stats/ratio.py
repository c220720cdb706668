"""Intervals of ratios of means: every ratio that a test of means does not exclude.

A ratio a / b is at least r where the mean of a - r b is at least 0, if b's is positive. So the interval
holds every r for which that mean is not shown to be on either side of 0 (E. C. Fieller, J. Royal
Statistical Society B 16, 1954). What the test of means can't bound, the ratio can't.
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
"""Ratios beyond this are not looked for: the interval is unbounded."""


def retention(
    candidate: Values,
    positive: Values,
    negative: Values,
    clusters: Clusters | None = None,
    *,
    percent: bool,
    confidence: float = 0.95,
) -> Estimate:
    """Share of the gap between the controls that a candidate keeps, in percent, with its interval.

    100 * (mean candidate - mean negative) / (mean positive - mean negative), from the values of the same
    examples in one order. The interval inverts the t test of `mean_interval`; method "test-inversion".
    percent: whether the values lie between 0 and 100. Then `bounded_mean` says whether the controls are
    apart, and gives the interval where t has none (few instructions, or no spread). The interval is
    (-inf, inf) unless the controls are shown to be apart at the same level. The value is NaN if the gap is
    exactly zero.
    Raises InvalidRun if the sides differ in number of values, or as `mean_interval` does.
    """
    ours, upper, lower = (
        check_values(values, name)
        for values, name in ((candidate, "candidate"), (positive, "positive"), (negative, "negative"))
    )
    check_same_length(candidate=ours, positive=upper, negative=lower)
    # What a - r b can reach where all three lie between 0 and 100.
    span = (lambda r: 100.0 * max(1.0, abs(r), abs(1.0 - r))) if percent else None
    return _ratio(ours - lower, upper - lower, clusters, confidence, span, 100.0)


def ratio_of_means(
    above: Values, below: Values, clusters: Clusters | None = None, confidence: float = 0.95
) -> Estimate:
    """mean above / mean below with its interval; method "test-inversion".

    The interval is (-inf, inf) as in `mean_interval`, and where all examples have the same ratio.
    Raises as `retention` does.
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
        """Below 0 where r is left out: as too high (upper), or as too low."""
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
            low, high = _end(by_t, False, value), _end(by_t, True, value)
        if span is not None and not (math.isfinite(low) and math.isfinite(high)):
            low, high = _end(by_bounds, False, value), _end(by_bounds, True, value)
    return Estimate(unit * value, unit * low, unit * high, below.size, groups, confidence, "test-inversion")


def _is_above_zero(below: FloatArray, clusters: Clusters | None, confidence: float, percent: bool) -> bool:
    """Whether the denominator is shown to be above 0, at the level of the interval's end."""
    if percent:
        reach = max(100.0, float(np.abs(below).max()))
        return bounded_mean(below, -reach, reach, clusters).p_at_most(0.0) < 0.5 - confidence / 2.0
    low = mean_error(below, clusters).ends(confidence)[0]
    # Slots are a number above 0, be they equal on all examples.
    return bool(below.min() > 0.0) or (math.isfinite(low) and low > 0.0)


def _end(margin: Callable[[bool, float], float], upper: bool, value: float) -> float:
    """The first ratio above (below) the estimate that is left out; infinite if there is none."""
    inside, step = value, 0.05 * max(abs(value), 1.0)
    direction = 1.0 if upper else -1.0
    while step < _FURTHEST:
        outside = value + direction * step
        if margin(upper, outside) < 0.0:
            return float(brentq(lambda r: margin(upper, r), inside, outside, xtol=1e-7))
        inside, step = outside, 2.0 * step
    return direction * math.inf
