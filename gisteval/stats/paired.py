"""Comparison of two systems on the same examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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

# Up to this many non-zero clusters every pattern of signs is tried (at most 4,096).
_EXACT_CLUSTERS = 12
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Candidate minus baseline on the same examples.

    `estimate` is the mean difference in the unit of the values. Both p-values are two-sided, of
    the hypothesis of no difference: `p_value` by the method of the interval, and at most 1 - confidence
    where that leaves 0 out; `p_value_permutation` from flipping the signs of whole clusters.
    The counts are of examples.
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
    """Mean of candidate - baseline with its interval, two p-values and the win count.

    span: the largest difference that there can be either way, 100 for percentages: then the interval is
    that of `bounded_mean`, otherwise that of `mean_interval`. Both sides hold the values of the same
    examples in the same order. The caller pairs on the content id: what can be seen here is a different
    number of values, which raises InvalidRun, as empty or non-finite values do.
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
    """p-values adjusted for their number by Holm's step-down method, in the given order.

    Rejecting those at or below alpha keeps the chance of any false rejection below alpha.
    S. Holm, Scandinavian Journal of Statistics 6(2), 1979. Raises ValueError if one is not
    between 0 and 1.
    """
    values = np.asarray(p_values, dtype=np.float64)
    if not np.all((values >= 0.0) & (values <= 1.0)):
        raise ValueError("p-values lie between 0 and 1")
    order = np.argsort(values, kind="stable")
    stepped = values[order] * np.arange(values.size, 0, -1)
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(stepped), 1.0)
    return [float(value) for value in adjusted]


def _sign_flip_p_value(sums: FloatArray, permutations: int, seed: int) -> float:
    """Two-sided p-value of the sum when each cluster's sign is a fair coin.

    Exact up to 12 non-zero clusters; above, from random signs, with the observed ones counted
    among them, so never 0 (Phipson and Smyth, 2010).
    """
    if permutations < 1:
        raise ValueError(f"permutations is at least 1, not {permutations}")
    # Absolute values have the same null distribution, and make the answer the same when the
    # two sides change places.
    magnitudes = np.sort(np.abs(sums[sums != 0.0]))
    total = float(magnitudes.sum())
    # Sums that are equal but for rounding count as equal.
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
        kept = generator.integers(2, size=size, dtype=np.int8)
        flipped = 2.0 * (kept @ magnitudes) - total
        extreme += int(np.count_nonzero(np.abs(flipped) >= observed))
    return (extreme + 1) / (permutations + 1)
