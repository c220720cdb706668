"""The gate's rule, on values alone: bounds of a mean, a verdict for each split, and one for all.

A check asks whether a mean lies above a limit. PASS: the 90% interval lies above it. FAIL: the interval
does not, and lies below the level that would be a loss at all. Either is wrong in at most 5% of the
cases. All splits must pass, which needs no correction (an intersection-union test: R. L. Berger,
Technometrics 24, 1982); any may fail, so those p-values are adjusted by Holm's method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from gisteval import stats
from gisteval.records.schema import Estimate
from gisteval.stats.intervals import FEWEST_CLUSTERS, mean_error
from gisteval.stats.samples import FloatArray

BoolArray = npt.NDArray[np.bool_]

Outcome = Literal["PASS", "FAIL", "INCONCLUSIVE"]

CONFIDENCE = 0.9
ALPHA = 0.05
POWER = 0.8


@dataclass(frozen=True, slots=True)
class Check:
    """Is a mean above `limit`? In the unit of the values or their differences.

    p_above: of the hypothesis that it is not (PASS if at most ALPHA); p_below: of the hypothesis that it
    is at least `level` (FAIL if at most ALPHA after adjustment, and no PASS); missing: examples without a
    value or an output. with_missing: p_above with each of those counted as the worst, and without_missing
    with all of them left out; None if there are none.
    """

    name: str
    estimate: Estimate
    limit: float
    level: float
    p_above: float
    p_below: float
    p_below_adjusted: float
    missing: int
    with_missing: float | None
    without_missing: float | None

    @property
    def outcome(self) -> Outcome:
        """The verdict; a PASS that rests on what is missing is a FAIL."""
        if self.rests_on_missing:
            return "FAIL"
        if self.p_above <= ALPHA:
            return "PASS"
        return "FAIL" if self.p_below_adjusted <= ALPHA else "INCONCLUSIVE"

    @property
    def rests_on_missing(self) -> bool:
        """Whether counting the missing as losses would change a PASS."""
        if self.with_missing is None or self.without_missing is None:
            return False
        return min(self.p_above, self.without_missing) <= ALPHA < self.with_missing


@dataclass(frozen=True, slots=True)
class Power:
    """What the sample can show, in points or in the metric's unit.

    detectable: the smallest true difference that a two-sided 5% test finds in 80% of the cases; needed:
    examples that would decide the present difference as often, None if no number would.
    """

    detectable: float
    needed: int | None


def difference_check(
    candidate: FloatArray,
    baseline: FloatArray,
    clusters: Sequence[str],
    margin: float,
    absent: tuple[BoolArray, BoolArray] | None = None,
    reach: float | None = None,
    ends: tuple[float, float] | None = (0.0, 100.0),
) -> Check:
    """Is the candidate less than `margin` worse?

    Args:
        candidate: Its values, shape (n,), higher ones better, NaN where nobody knows one.
        baseline: The same of the baseline.
        clusters: The label of each example.
        margin: In the unit of the values.
        absent: Where the candidate and where the baseline have no output, and so the worst value. The
            baseline's helps the candidate, so a PASS must not rest on it.
        reach: The largest difference that there can be, where it is less than the range allows: 50 if one
            side is the control that the other was judged against.
        ends: The range of the values. None: there is no range, and no worst value either, so that no PASS
            can rest on a sample with an example that lacks one.

    Raises:
        InvalidRun: No example has both values.
    """
    ours, theirs = absent or (np.zeros(candidate.size, bool),) * 2
    if ends is None:
        return _unbounded_check(candidate - baseline, ours | theirs, clusters, -margin)
    low, high = ends
    reach = high - low if reach is None else reach
    worst = np.nan_to_num(candidate, nan=low) - np.where(theirs, high, np.nan_to_num(baseline, nan=high))
    worst, doubtful = np.maximum(worst, -reach), ours | theirs
    span = (-reach, reach, 0.0)
    return _check("difference", candidate - baseline, doubtful, worst, clusters, -margin, span)


def floor_check(
    candidate: FloatArray, clusters: Sequence[str], lowest: float, absent: BoolArray | None = None
) -> Check:
    """Is the candidate's mean above `lowest` percent? Otherwise as `difference_check`."""
    missing = np.zeros(candidate.size, bool) if absent is None else absent
    worst = np.nan_to_num(candidate, nan=0.0)
    return _check("floor", candidate, missing, worst, clusters, lowest, (0.0, 100.0, lowest))


def adjust(checks: Sequence[Check]) -> list[Check]:
    """The checks of all splits with their p_below adjusted for their number (Holm)."""
    adjusted = stats.holm([check.p_below for check in checks])
    return [replace(check, p_below_adjusted=p) for check, p in zip(checks, adjusted, strict=True)]


def overall(outcomes: Sequence[Outcome]) -> Outcome:
    """FAIL if any failed, PASS if all passed."""
    return "FAIL" if "FAIL" in outcomes else "INCONCLUSIVE" if "INCONCLUSIVE" in outcomes else "PASS"


def power(
    differences: FloatArray,
    clusters: Sequence[str],
    margin: float,
    estimate: Estimate,
    reach: float | None = 100.0,
) -> Power:
    """What these differences (NaN left out) can show, and the examples to decide them.

    estimate: their mean with its interval; nothing smaller than its half-width is detectable, even if all
    that was seen are ties. reach: the largest difference that there can be, None without one.
    """
    known, labels = _known(differences, clusters)
    error = mean_error(known, labels)
    if math.isinf(error.standard_error):
        return Power(math.inf, None)
    sd = error.standard_error * math.sqrt(error.clusters)
    half_width = max(estimate.value - estimate.ci_low, estimate.ci_high - estimate.value)
    seen = stats.smallest_detectable_difference(sd, error.clusters, ALPHA, POWER)
    detectable = max(seen, half_width)
    distance = error.mean + margin if error.mean > -margin else -error.mean
    needed = examples_to_show(sd, distance, margin, error.n / error.clusters, reach)
    return Power(detectable, needed)


def examples_to_show(
    sd: float, distance: float, margin: float, cluster_size: float = 1.0, reach: float | None = 100.0
) -> int | None:
    """Examples with which the gate decides, in 80% of the cases, `distance` from its limit.

    sd: standard deviation of the differences, of independent examples (or of clusters of `cluster_size`
    examples). The smallest n with (distance - reach / n) * sqrt(n) = z * sd: the power of a one-sided test,
    with the unseen loss of 100 points (see stats.bounded) taken off the distance. Never fewer than the
    log(5%) / log(1 - margin / reach) with which ties alone exclude a loss of `margin`, or than an interval
    of values without a range (reach None) needs. None if it would take more than 10 million.
    """
    if distance <= 0.0:
        return None
    spread = float(ndtri(1.0 - ALPHA) + ndtri(POWER)) * sd
    unseen = 0.0 if reach is None else 4.0 * reach * distance
    clusters = ((spread + math.sqrt(spread**2 + unseen)) / (2.0 * distance)) ** 2
    least = FEWEST_CLUSTERS if reach is None else math.log(ALPHA) / math.log1p(-margin / reach)
    needed = max(clusters, least) * cluster_size
    return math.ceil(needed) if needed <= 1e7 else None


def _check(
    name: str,
    values: FloatArray,
    absent: BoolArray,
    worst: FloatArray,
    clusters: Sequence[str],
    limit: float,
    span: tuple[float, float, float],
) -> Check:
    low, high, level = span
    known, labels = _known(values, clusters)
    mean = stats.bounded_mean(known, low, high, labels)
    doubtful = absent | np.isnan(values)
    missing = int(doubtful.sum())
    filled = stats.bounded_mean(worst, low, high, clusters) if missing else None
    rest, their_labels = _known(np.where(doubtful, np.nan, values), clusters)
    answered = stats.bounded_mean(rest, low, high, their_labels) if missing and rest.size else None
    p_below = mean.p_at_least(level)
    return Check(
        name=name,
        estimate=mean.interval(CONFIDENCE),
        limit=limit,
        level=level,
        p_above=mean.p_at_most(limit),
        p_below=p_below,
        p_below_adjusted=p_below,
        missing=missing,
        with_missing=filled.p_at_most(limit) if filled else None,
        without_missing=answered.p_at_most(limit) if answered else None,
    )


def _unbounded_check(
    differences: FloatArray, absent: BoolArray, clusters: Sequence[str], limit: float
) -> Check:
    """The difference's check by the t interval of `stats.intervals`."""
    known, labels = _known(differences, clusters)
    missing = int((absent | np.isnan(differences)).sum())
    above, level = mean_error(known - limit, labels).p_below_zero(), mean_error(known, labels)
    return Check(
        name="difference",
        estimate=stats.mean_interval(known, labels, CONFIDENCE),
        limit=limit,
        level=0.0,
        p_above=above,
        p_below=level.p_above_zero(),
        p_below_adjusted=level.p_above_zero(),
        missing=missing,
        with_missing=1.0 if missing else None,
        without_missing=above if missing else None,
    )


def _known(values: FloatArray, clusters: Sequence[str]) -> tuple[FloatArray, list[str]]:
    present = ~np.isnan(values)
    return values[present], [label for label, keep in zip(clusters, present, strict=True) if keep]
