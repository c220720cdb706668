"""The gate's decision rule: a check of a mean, a verdict for each split, and an overall verdict.

A check asks whether a mean lies above a limit. It passes if the 90% interval lies above the limit. It fails
if it does not pass and the interval lies below the level (for a difference 0, that is no loss at all).
Either verdict is wrong in at most 5% of the cases. All splits must pass, which needs no correction, since
it is an intersection-union test (R. L. Berger, "Multiparameter hypothesis testing and acceptance sampling",
Technometrics 24, 1982). One failed split fails the gate, so the p-values of a failure are adjusted by
Holm's method.
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
    """The check whether a mean lies above a limit.

    Attributes:
        name: `difference` or `floor`.
        estimate: The mean with its 90% interval, in the unit of the values or differences.
        limit: The mean must lie above it to pass, in the same unit.
        level: The mean must lie below it to fail, in the same unit.
        p_above: The p-value of a mean of at most `limit`. The check passes if it is at most ALPHA.
        p_below: The p-value of a mean of at least `level`.
        p_below_adjusted: `p_below` adjusted for all checks of the gate. The check fails if it is at most
            ALPHA and the check does not pass.
        missing: The number of examples without a value or an output.
        with_missing: `p_above` if each missing example counts as the worst; None if none is missing.
        without_missing: `p_above` if the missing examples are left out; None if none is missing.
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
        """The verdict. A PASS that depends on the missing examples is a FAIL."""
        if self.rests_on_missing:
            return "FAIL"
        if self.p_above <= ALPHA:
            return "PASS"
        return "FAIL" if self.p_below_adjusted <= ALPHA else "INCONCLUSIVE"

    @property
    def rests_on_missing(self) -> bool:
        """Whether counting the missing examples as losses would change a PASS."""
        if self.with_missing is None or self.without_missing is None:
            return False
        return min(self.p_above, self.without_missing) <= ALPHA < self.with_missing


@dataclass(frozen=True, slots=True)
class Power:
    """What the sample can detect.

    Attributes:
        detectable: The smallest true difference that a two-sided 5% test detects in 80% of the cases, in
            points or the metric's unit.
        needed: The number of examples that would decide the present difference in 80% of the cases; None if
            no number would.
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
    """Check whether the candidate is worse than the baseline by less than `margin`.

    Args:
        candidate: The candidate's values, shape (n,). Higher values are better; unknown values are NaN.
        baseline: The baseline's values of the same examples in the same order.
        clusters: The cluster label of each example.
        margin: In the unit of the values.
        absent: Where the candidate and where the baseline have no output, shape (n,) each. Such an example
            has the worst value. A failure of the baseline helps the candidate, so a PASS must not depend on
            it.
        reach: The largest possible difference, if it is smaller than the range: 50 if one side is the
            control that the other was judged against.
        ends: The range of the values. None: there is no range and so no worst value. Then no sample in
            which an example lacks its value can pass.

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
    """Check whether the candidate's mean is above `lowest` percent.

    The other arguments and the errors are those of `difference_check`.
    """
    missing = np.zeros(candidate.size, bool) if absent is None else absent
    worst = np.nan_to_num(candidate, nan=0.0)
    return _check("floor", candidate, missing, worst, clusters, lowest, (0.0, 100.0, lowest))


def adjust(checks: Sequence[Check]) -> list[Check]:
    """Return the checks of all splits with `p_below` adjusted for their number by Holm's method."""
    adjusted = stats.holm([check.p_below for check in checks])
    return [replace(check, p_below_adjusted=p) for check, p in zip(checks, adjusted, strict=True)]


def overall(outcomes: Sequence[Outcome]) -> Outcome:
    """Return FAIL if any outcome is FAIL, PASS if all are PASS, else INCONCLUSIVE."""
    return "FAIL" if "FAIL" in outcomes else "INCONCLUSIVE" if "INCONCLUSIVE" in outcomes else "PASS"


def power(
    differences: FloatArray,
    clusters: Sequence[str],
    margin: float,
    estimate: Estimate,
    reach: float | None = 100.0,
) -> Power:
    """Compute what a sample of differences can detect, and how many examples would decide it.

    Args:
        differences: Shape (n,), in points or the metric's unit. NaN is left out.
        clusters: The cluster label of each example.
        margin: The gate's margin, in the same unit.
        estimate: The mean difference with its interval. A difference below the half-width is not
            detectable, even if all examples are ties.
        reach: The largest possible difference; None without a range.
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
    """Return how many examples decide, in 80% of the cases, a true difference `distance` from the limit.

    It is the smallest n with (distance - reach / n) * sqrt(n) = z * sd. That is the power of a one-sided
    test, where the unseen loss of size `reach` (see `stats.bounded`) is subtracted from the distance. It is
    at least log(5%) / log(1 - margin / reach), the number of ties that exclude a loss of `margin`. Without
    a range it is at least the number of clusters that an interval needs.

    Args:
        sd: The standard deviation of the differences of examples or clusters.
        distance: The distance of the true difference from the limit, in the unit of `sd`.
        margin: The gate's margin, in the same unit.
        cluster_size: The mean number of examples per cluster.
        reach: The largest possible difference; None without a range.

    Returns:
        The number of examples; None if no number decides, or more than 10 million are needed.
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
    """Check a difference of values without a range, by the t interval of `stats.intervals`."""
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
