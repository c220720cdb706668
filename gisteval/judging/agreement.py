"""How far judges agree: Cohen's kappa of two judges, Krippendorff's alpha of any number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two judges agree on the pairs that both answered.

    Attributes:
        n: Pairs that both answered.
        agreement: Share of equal answers, in percent.
        kappa: Cohen's kappa; None if each judge gave one and the same answer throughout, so that chance
            alone would make them agree always.
    """

    n: int
    agreement: float
    kappa: float | None


def cohen_kappa(first: Mapping[str, Hashable], second: Mapping[str, Hashable]) -> Agreement | None:
    """Compute the agreement of two judges.

    Source: J. Cohen, "A Coefficient of Agreement for Nominal Scales", Educational and Psychological
    Measurement 20(1), 1960.

    Args:
        first: One judge's answers by pair.
        second: The other judge's answers by pair.

    Returns:
        The agreement, or None if the judges share no pair.
    """
    shared = [pair for pair in first if pair in second]
    if not shared:
        return None
    n = len(shared)
    observed = sum(first[pair] == second[pair] for pair in shared) / n
    first_counts, second_counts = (Counter(side[pair] for pair in shared) for side in (first, second))
    chance = sum(count * second_counts[answer] for answer, count in first_counts.items()) / n**2
    kappa = None if chance == 1.0 else (observed - chance) / (1.0 - chance)
    return Agreement(n, 100.0 * observed, kappa)


def krippendorff_alpha(judges: Sequence[Mapping[str, Hashable]]) -> float | None:
    """Compute alpha of nominal answers; pairs that fewer than two judges answered don't count.

    Source: K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011, section C.

    Args:
        judges: Each judge's answers by pair. A judge need not have answered every pair.

    Returns:
        Alpha, or None if all answers are the same, so that nothing can differ.
    """
    by_pair: dict[str, Counter[Hashable]] = {}
    for answers in judges:
        for pair, answer in answers.items():
            by_pair.setdefault(pair, Counter())[answer] += 1
    units = [counts for counts in by_pair.values() if counts.total() > 1]
    totals: Counter[Hashable] = Counter()
    observed = 0.0
    for counts in units:
        size = counts.total()
        totals.update(counts)
        observed += (size**2 - sum(count**2 for count in counts.values())) / (size - 1)
    n = totals.total()
    expected = n**2 - sum(count**2 for count in totals.values())
    if not expected:
        return None
    return 1.0 - (n - 1) * observed / expected
