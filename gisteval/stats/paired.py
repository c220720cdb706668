"""Paired tests of two systems on the same examples, and Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gisteval.records.schema import Estimate
from gisteval.stats.bounded import bounded_mean
from gisteval.stats.intervals import mean_error, mean_interval
from gisteval.stats.samples import (
    Clusters,
    FloatArray,
    Values,
    check_same_length,
    check_values,
    cluster_sums,
)

# Up to this many non-zero clusters, all patterns of signs are tried (at most 4,096).
_EXACT_CLUSTERS = 12
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Candidate minus baseline on the same examples.

    Both p-values are two-sided, of the hypothesis that there is no difference.

    Attributes:
        estimate: The mean difference with its interval, in the unit of the values.
        p_value: By the method of the interval; at most 1 - confidence if the interval excludes 0.
        p_value_permutation: From flipping the signs of whole clusters.
        wins: The number of examples with a positive difference.
        ties: The number of examples with no difference.
        losses: The number of examples with a negative difference.
    """

    estimate: Estimate
    p_value: float
    p_value_permutation: float
    wins: int
    ties: int
    losses: int


def paired_difference(
    candidate: Values,
    baseline: Values,
    clusters: Clusters | None = None,
    confidence: float = 0.95,
    *,
    span: float | None = None,
    permutations: int = 10_000,
    seed: int = 0,
) -> PairedDifference:
    """Test the mean of candidate - baseline.

    Args:
        candidate: One value per example, shape (n,).
        baseline: The baseline's values of the same examples in the same order. The caller has paired them.
        clusters: The cluster label of each example. None: all examples are independent.
        confidence: The confidence of the interval, between 0 and 1.
        span: The largest possible difference in either direction, 100 for percentages. The interval is then
            that of `bounded_mean`. None: there is no range, and the interval is that of `mean_interval`.
        permutations: The number of random sign flips.
        seed: The seed of the sign flips.

    Raises:
        InvalidRun: The sides differ in their numbers of values, or values are missing or not finite.
    """
    ours, theirs = check_values(candidate, "candidate"), check_values(baseline, "baseline")
    check_same_length(candidate=ours, baseline=theirs)
    differences = ours - theirs
    sums = cluster_sums([differences], clusters)[:, 0]
    if span is None:
        estimate = mean_interval(differences, clusters, confidence)
        p_value = mean_error(differences, clusters).p_value()
    else:
        mean = bounded_mean(differences, -span, span, clusters)
        estimate, p_value = mean.interval(confidence), mean.p_value(0.0)
    return PairedDifference(
        estimate=estimate,
        p_value=p_value,
        p_value_permutation=_sign_flip_p_value(sums, permutations, seed),
        wins=int(np.count_nonzero(differences > 0.0)),
        ties=int(np.count_nonzero(differences == 0.0)),
        losses=int(np.count_nonzero(differences < 0.0)),
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number by Holm's step-down method.

    If all hypotheses with an adjusted value of at most alpha are rejected, the probability of any false
    rejection is at most alpha. Source: S. Holm, "A simple sequentially rejective multiple test procedure",
    Scandinavian Journal of Statistics 6(2), 1979.

    Returns:
        The adjusted p-values, in the order of the arguments.

    Raises:
        ValueError: A p-value is not between 0 and 1.
    """
    values, order = _ordered(p_values)
    stepped = values[order] * np.arange(values.size, 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return [float(value) for value in adjusted]


def _ordered(p_values: Sequence[float]) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """The values, checked, and the order that makes them ascend."""
    values = np.asarray(p_values, dtype=np.float64)
    if not np.all((values >= 0.0) & (values <= 1.0)):
        raise ValueError("p-values lie between 0 and 1")
    return values, np.argsort(values, kind="stable")


def benjamini_hochberg(p_values: Sequence[float]) -> list[float]:
    """Adjust p-values for their number by Benjamini and Hochberg's step-up method.

    If all hypotheses with an adjusted value of at most q are rejected, on average at most a share q of the
    rejections is false, for independent or positively dependent tests. Holm's method promises more: that
    most likely none is. Source: Y. Benjamini and Y. Hochberg, "Controlling the false discovery rate",
    Journal of the Royal Statistical Society B 57, 1995.

    Returns:
        The adjusted p-values, in the order of the arguments.

    Raises:
        ValueError: A p-value is not between 0 and 1.
    """
    values, order = _ordered(p_values)
    stepped = values[order] * values.size / np.arange(1, values.size + 1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.minimum.accumulate(stepped[::-1])[::-1], 1.0)
    return [float(value) for value in adjusted]


def _sign_flip_p_value(sums: FloatArray, permutations: int, seed: int) -> float:
    """Return the two-sided p-value of the sum if each cluster's sign is a fair coin.

    It is exact for up to 12 non-zero clusters. For more it is estimated from random signs, and the observed
    signs are counted among them, so that it is never 0: B. Phipson and G. K. Smyth, "Permutation P-values
    Should Never Be Zero", Statistical Applications in Genetics and Molecular Biology 9, 2010.
    """
    if permutations < 1:
        raise ValueError(f"permutations is at least 1, not {permutations}")
    # Absolute values have the same null distribution, and the result stays the same if the two sides are
    # exchanged.
    magnitudes = np.sort(np.abs(sums[sums != 0.0]))
    total = float(magnitudes.sum())
    # Sums that differ by rounding errors only count as equal.
    observed = abs(float(sums.sum())) - 1e-12 * total
    groups = magnitudes.size
    if groups <= _EXACT_CLUSTERS:
        patterns = np.arange(1 << groups)[:, np.newaxis] >> np.arange(groups) & 1
        flipped = 2.0 * (patterns @ magnitudes) - total
        return float(np.mean(np.abs(flipped) >= observed))
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK // groups)
    extreme = 0
    for start in range(0, permutations, step):
        size = (min(step, permutations - start), groups)
        positive = generator.integers(2, size=size, dtype=np.int8)
        flipped = 2.0 * (positive @ magnitudes) - total
        extreme += int(np.count_nonzero(np.abs(flipped) >= observed))
    return (extreme + 1) / (permutations + 1)
