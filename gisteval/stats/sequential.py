"""A test of a bounded mean that may be looked at after every cluster, with its confidence sequence.

A gambler bets on every cluster that the mean is above a threshold. If it is not, no strategy multiplies
the gambler's money by 20 with a chance of more than 5%, however long the game and however often one looks
(Ville's inequality). The money is E_t = prod(1 + lambda_s * (D_s - threshold)), where lambda_s may depend
on all clusters before s. Here it is the average of fixed bets, weighted with the money that each of them
has made so far. Then E_t is the mean of the fixed bets' money, and needs no tuning.

Clusters of several examples bet with the sum of their examples, so the mean is over examples. The money
falls as the threshold rises, so the thresholds that are not refuted form an interval.

Source: I. Waudby-Smith and A. Ramdas, "Estimating means of bounded random variables by betting", Journal
of the Royal Statistical Society B 86, 2024, arXiv 2010.09686. The mixture of bets: T. M. Cover, "Universal
portfolios", Mathematical Finance 1, 1991.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq

from gisteval.errors import InvalidRun
from gisteval.records.schema import Estimate
from gisteval.stats.samples import Clusters, FloatArray, Values, check_confidence, check_values

SHARES: FloatArray = 2.0 ** (-np.arange(11) / 2.0)
"""What the fixed bets put at stake: shares of the money that the worst cluster would cost."""


@dataclass(frozen=True, slots=True)
class Bets:
    """Clusters of bounded values in the order in which they were looked at.

    Attributes:
        sums: The sum of the values of each cluster, shape (G,).
        sizes: The number of examples of each cluster, shape (G,).
        largest: The size of the largest cluster that may come.
        low: The low end of the range of values.
        high: The high end of the range.
    """

    sums: FloatArray
    sizes: FloatArray
    largest: float
    low: float
    high: float

    @property
    def value(self) -> float:
        """The mean over examples."""
        return float(self.sums.sum() / self.sizes.sum())

    def evidence_above(self, threshold: float) -> FloatArray:
        """Return the logarithm of the money after each cluster, betting on a mean above `threshold`.

        Returns:
            Shape (G,). Once an entry has reached log(20), a mean of at most `threshold` is refuted at 5%.
        """
        room = threshold - self.low
        if room <= 0.0:  # no mean lies below the range
            return np.full(self.sums.size, math.inf)
        return _log_money((self.sums - threshold * self.sizes) / (room * self.largest))

    def evidence_below(self, threshold: float) -> FloatArray:
        """Return the same, betting on a mean below `threshold`."""
        return self.mirrored().evidence_above(-threshold)

    def p_at_most(self, threshold: float) -> float:
        """Return the p-value of a mean of at most `threshold`; it holds whenever one stops looking."""
        return _p_value(self.evidence_above(threshold))

    def p_at_least(self, threshold: float) -> float:
        """Return the p-value of a mean of at least `threshold`."""
        return self.mirrored().p_at_most(-threshold)

    def mirrored(self) -> Bets:
        """Return the same clusters with all signs changed."""
        return Bets(-self.sums, self.sizes, self.largest, -self.high, -self.low)

    def interval(self, confidence: float = 0.95) -> Estimate:
        """Return the confidence sequence after the last cluster; its method is "betting".

        It holds at all looks together, and each end agrees with the one-sided p-value.
        """
        check_confidence(confidence)
        tail = 0.5 - confidence / 2.0
        low, high = self._lower_end(tail), -self.mirrored()._lower_end(tail)
        n, groups = int(self.sizes.sum()), self.sums.size
        low, high = min(low, self.value), max(high, self.value)
        return Estimate(self.value, low, high, n, groups, confidence, "betting")

    def _lower_end(self, tail: float) -> float:
        inside, needed = self.low + 1e-9 * (self.high - self.low), -math.log(tail)

        def surplus(threshold: float) -> float:
            return max(0.0, float(self.evidence_above(threshold).max())) - needed

        if surplus(inside) < 0.0:
            return self.low
        if surplus(self.high) >= 0.0:
            return self.high
        return float(brentq(surplus, inside, self.high, xtol=1e-6))


def bets(
    values: Values,
    low: float,
    high: float,
    clusters: Clusters | None = None,
    order: Sequence[Hashable] | None = None,
    largest: int | None = None,
) -> Bets:
    """Prepare the test of values that are looked at cluster by cluster.

    Args:
        values: One value per example, shape (n,).
        low: The low end of the range of values.
        high: The high end of the range.
        clusters: The cluster label of each example. None: all examples are independent.
        order: The labels in the order of the looks, which must not depend on the values. Default: the
            order of first appearance.
        largest: The size of the largest cluster that may come. Default: of those seen.

    Raises:
        InvalidRun: There are no values, or one is not finite or outside the range.
    """
    array = check_values(values, "values")
    slack = 1e-9 * (high - low)
    if array.min() < low - slack or array.max() > high + slack:
        raise InvalidRun(f"values from {array.min():g} to {array.max():g} leave {low:g} to {high:g}")
    labels: Clusters = range(array.size) if clusters is None else clusters
    present = set(labels)
    ranked = dict.fromkeys(labels) if order is None else [label for label in order if label in present]
    places = {label: place for place, label in enumerate(ranked)}
    codes = np.array([places[label] for label in labels])
    sums: FloatArray = np.bincount(codes, weights=np.clip(array, low, high)).astype(np.float64)
    sizes = np.bincount(codes).astype(np.float64)
    return Bets(sums, sizes, float(max(sizes.max(), largest or 0)), low, high)


def _log_money(gains: FloatArray) -> FloatArray:
    """Return the logarithm of the mean money of all fixed bets after each cluster, shape (G,)."""
    money = np.full(gains.size, -math.inf)
    for share in SHARES:
        with np.errstate(divide="ignore"):
            one = np.cumsum(np.log1p(np.maximum(share * gains, -1.0)))
        money = np.logaddexp(money, one)
    return money - math.log(SHARES.size)


def _p_value(evidence: FloatArray) -> float:
    return math.exp(-max(0.0, float(evidence.max())))
