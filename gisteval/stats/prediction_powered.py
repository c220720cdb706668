"""A mean of labels that are known for a few examples, helped by predictions that are known for all.

People label some of the pairs, and a judge all of them. The judge may be biased. With labels y, predictions
f and a weight w in [0, 1], the mean of y is the mean of w * f over all examples, corrected by the mean of
y - w * f over the labelled ones:

    estimate = mean over all of w * f + mean over the labelled of (y - w * f)

It has no bias whatever the judge does, as long as the labelled examples are a random sample (of each
stratum). A good judge makes the correction steady, and so the interval narrow. The weight is the slope of y
on f. If that does not narrow the interval, it is 0: then the labels stand alone.

Both means have the interval of `stats.bounded`, so that labels which never contradict the judge are no
proof that none would. The distances of the estimate from their ends are added like independent errors
(MOVER). At the slope, f and y - w * f are uncorrelated, which is what MOVER needs.

Sources: A. N. Angelopoulos, J. C. Duchi and T. Zrnic, "PPI++: Efficient Prediction-Powered Inference",
arXiv 2311.01453, 2023. G. Y. Zou and A. Donner, "Construction of confidence limits about effect measures: a
general approach", Statistics in Medicine 27, 2008. W. J. Rogan and B. Gladen, "Estimating prevalence from
the results of a screening test", American Journal of Epidemiology 107, 1978.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from gisteval.errors import InvalidRun, counted
from gisteval.records.schema import Estimate
from gisteval.stats.bounded import bounded_mean
from gisteval.stats.ratio import first_rejected
from gisteval.stats.samples import FloatArray, check_values

BoolArray = npt.NDArray[np.bool_]

FEWEST_FOR_SLOPE = 10
"""Labels. With fewer, the slope of labels on predictions is noise, so the labels stand alone."""


@dataclass(frozen=True, slots=True)
class Corrected:
    """A mean that labels correct.

    Attributes:
        estimate: The mean in the unit of the labels, with its interval; the method is "ppi".
        labels_alone: The same from the labels without predictions.
        weight: The weight of the predictions.
        labelled: The number of labels.
        bias: By how much the predictions exceed the labels, in the mean of the labelled examples.
    """

    estimate: Estimate
    labels_alone: Estimate
    weight: float
    labelled: int
    bias: float


def corrected_mean(
    predictions: FloatArray,
    labels: FloatArray,
    clusters: Sequence[Hashable],
    known: BoolArray | None = None,
    strata: Sequence[Hashable] | None = None,
    span: float = 100.0,
    confidence: float = 0.95,
) -> Corrected:
    """Estimate the mean of the labels over all examples.

    Args:
        predictions: A prediction for each example between 0 and `span`, shape (n,).
        labels: The labels, shape (n,); NaN where there is none.
        clusters: The cluster label of each example.
        known: Where the prediction is the label beyond doubt, as for pairs of equal outputs, shape (n,).
            The labels are a sample of the others.
        strata: The stratum of each example. Labels are a random sample within each stratum. None: there is
            one.
        span: The largest value; the smallest is 0.
        confidence: The confidence of the interval.

    Raises:
        InvalidRun: There are fewer than two labels, or a prediction is not finite.
    """
    middle = span / 2.0
    certain = np.zeros(predictions.size, bool) if known is None else known
    f = check_values(predictions, "predictions") - middle
    y = np.where(certain, np.nan, labels - middle)
    labelled = ~np.isnan(y)
    if labelled.sum() < 2:
        raise InvalidRun(f"{int(labelled.sum())} labels: at least 2 pairs must be labelled")
    groups = list(strata) if strata is not None else [0] * f.size
    parts = _parts(groups, labelled, certain)
    sample = _Sample(f, y, list(clusters), certain, parts, middle, confidence)
    alone = sample.estimate(0.0)
    slope = _slope(f[labelled], y[labelled])
    found, weight = alone, 0.0
    if slope > 0.0 and labelled.sum() >= FEWEST_FOR_SLOPE:
        helped = sample.estimate(slope)
        if helped.ci_high - helped.ci_low < alone.ci_high - alone.ci_low:
            found, weight = helped, slope
    bias = float((f - y)[labelled].mean())
    return Corrected(found, alone, weight, int(labelled.sum()), bias)


@dataclass(frozen=True, slots=True)
class _Part:
    """A stratum: its labelled examples, and its share of all examples."""

    chosen: BoolArray
    share: float


@dataclass(frozen=True, slots=True)
class _Sample:
    """Centred predictions and labels, with what an estimate at any weight needs."""

    f: FloatArray
    y: FloatArray
    clusters: list[Hashable]
    certain: BoolArray
    parts: tuple[_Part, ...]
    middle: float
    confidence: float

    def estimate(self, weight: float) -> Estimate:
        """The corrected mean at a weight of the predictions."""
        reach = self.middle * (1.0 + weight)
        errors = self.y - weight * self.f
        corrections = [self._interval(errors, part.chosen, reach) for part in self.parts]
        shift = sum(part.share * c.value for part, c in zip(self.parts, corrections, strict=True))
        # Which pairs differ varies with the sample as well, so the correction counts where they do.
        differing = float((~self.certain).mean())
        everywhere = np.where(self.certain, self.f, weight * self.f + shift / differing)
        whole = self._interval(everywhere, np.ones(self.f.size, bool), self.middle * weight + reach)
        value = whole.value
        below = [
            value - whole.ci_low,
            *(p.share * (c.value - c.ci_low) for p, c in self._pairs(corrections)),
        ]
        above = [
            whole.ci_high - value,
            *(p.share * (c.ci_high - c.value) for p, c in self._pairs(corrections)),
        ]
        middle = self.middle
        low, high = value - math.hypot(*below), value + math.hypot(*above)
        return Estimate(
            value=middle + value,
            ci_low=max(middle + low, 0.0),
            ci_high=min(middle + high, 2.0 * middle),
            n=self.f.size,
            clusters=len(set(self.clusters)),
            confidence=self.confidence,
            method="ppi",
        )

    def _pairs(self, corrections: Sequence[Estimate]) -> list[tuple[_Part, Estimate]]:
        return list(zip(self.parts, corrections, strict=True))

    def _interval(self, values: FloatArray, chosen: BoolArray, reach: float) -> Estimate:
        labels = [label for label, keep in zip(self.clusters, chosen, strict=True) if keep]
        found = bounded_mean(values[chosen], -reach, reach, labels).interval(self.confidence)
        if math.isfinite(found.ci_low):
            return found
        return Estimate(found.value, -reach, reach, found.n, found.clusters, found.confidence, found.method)


def _parts(strata: Sequence[Hashable], labelled: BoolArray, certain: BoolArray) -> tuple[_Part, ...]:
    parts = []
    for stratum in dict.fromkeys(strata):
        inside = np.array([label == stratum for label in strata]) & ~certain
        if not inside.any():
            continue
        chosen = inside & labelled
        if chosen.sum() < 2:
            raise InvalidRun(
                f"stratum {stratum} has {counted(int(inside.sum()), 'pair')} and "
                f"{counted(int(chosen.sum()), 'label')}: label at least 2 of each"
            )
        parts.append(_Part(chosen, float(inside.mean())))
    return tuple(parts)


def _slope(f: FloatArray, y: FloatArray) -> float:
    """Return the least-squares slope of labels on predictions, cut to [0, 1]."""
    spread = float(np.square(f - f.mean()).sum())
    if spread <= 0.0:
        return 0.0
    slope = float(((f - f.mean()) * (y - y.mean())).sum()) / spread
    return min(max(slope, 0.0), 1.0)


def corrected_retention(candidate: Estimate, negative: Estimate, positive: float) -> Estimate:
    """Return a candidate's share of the gap between the controls, in percent, from corrected means.

    A ratio r is kept if the interval of candidate - (1 - r) * negative - r * positive, by MOVER, holds 0.
    The interval is (-inf, inf) unless the negative control is shown to be below the positive one.

    Args:
        candidate: The candidate's corrected mean.
        negative: The negative control's corrected mean, from other labels.
        positive: The positive control's mean, which is known: 50 for win rates against it.
    """
    gap = positive - negative.value
    value = (candidate.value - negative.value) / gap if gap else math.nan
    low, high = -math.inf, math.inf

    def margin(upper: bool, r: float) -> float:
        """Return a number below 0 if r is rejected, as too high (upper) or as too low."""
        share = 1.0 - r
        mean = candidate.value - share * negative.value - r * positive
        ends = (negative.ci_low, negative.ci_high)
        above, below = ends if share >= 0.0 else ends[::-1]
        if upper:
            return mean + math.hypot(candidate.ci_high - candidate.value, share * (above - negative.value))
        return -(mean - math.hypot(candidate.value - candidate.ci_low, share * (below - negative.value)))

    if negative.ci_high < positive:
        low, high = first_rejected(margin, False, value), first_rejected(margin, True, value)
    n, groups = min(candidate.n, negative.n), min(candidate.clusters, negative.clusters)
    return Estimate(100.0 * value, 100.0 * low, 100.0 * high, n, groups, candidate.confidence, "ppi")


def rogan_gladen(
    judged_wins: int,
    judged: int,
    true_wins: tuple[int, int],
    true_losses: tuple[int, int],
    confidence: float = 0.95,
) -> Estimate:
    """Correct a share of wins for a judge's errors, where every verdict is a win or a loss.

    With q the share that the judge calls wins, s its sensitivity and c its specificity, the true share is
    (q + c - 1) / (s + c - 1). The interval is that of the delta method, within 0 to 100%. It is (0, 100)
    unless the judge is shown to be better than guessing. Two verdicts are added to each share, so that no
    share is certain (A. Agresti and B. A. Coull, The American Statistician 52, 1998).

    Args:
        judged_wins: Pairs that the judge calls wins, among those without labels.
        judged: All pairs without labels.
        true_wins: Of the pairs that people call wins: how many the judge calls wins, and how many.
        true_losses: Of the pairs that people call losses: how many the judge calls losses, and how many.
        confidence: The confidence of the interval.

    Returns:
        The share in percent; its method is "rogan-gladen".

    Raises:
        InvalidRun: One of the three groups is empty.
    """
    groups = ((judged_wins, judged), true_wins, true_losses)
    if min(total for _, total in groups) < 1:
        raise InvalidRun("the correction needs unlabelled pairs, and labels of wins and of losses")
    shares = [(count + 1.0) / (total + 2.0) for count, total in groups]
    variances = [p * (1.0 - p) / (total + 2.0) for p, (_, total) in zip(shares, groups, strict=True)]
    q, s, c = shares
    youden = s + c - 1.0
    z = float(ndtri(0.5 + confidence / 2.0))
    n = judged + true_wins[1] + true_losses[1]
    value = min(max((q + c - 1.0) / youden, 0.0), 1.0) if youden else math.nan
    if youden <= z * math.sqrt(variances[1] + variances[2]):
        return Estimate(100.0 * value, 0.0, 100.0, n, n, confidence, "rogan-gladen")
    error = math.sqrt(variances[0] + value**2 * variances[1] + (1.0 - value) ** 2 * variances[2]) / youden
    low, high = max(value - z * error, 0.0), min(value + z * error, 1.0)
    return Estimate(100.0 * value, 100.0 * low, 100.0 * high, n, n, confidence, "rogan-gladen")
