"""How far judges agree: Cohen's kappa between two, Krippendorff's alpha among any number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of two judges on the pairs that both answered: the share of equal answers in percent, and kappa.

    kappa is None where chance alone would make them agree always (each gave one and the same answer).
    """

    n: int
    agreement: float
    kappa: float | None


def cohen_kappa(first: Mapping[str, Hashable], second: Mapping[str, Hashable]) -> Agreement | None:
    """Agreement of two judges' answers by pair; None if they have no pair in common.

    J. Cohen, Educational and Psychological Measurement 20(1), 1960.
    """
    shared = [pair for pair in first if pair in second]
    if not shared:
        return None
    n = len(shared)
    observed = sum(first[pair] == second[pair] for pair in shared) / n
    ours, theirs = (Counter(side[pair] for pair in shared) for side in (first, second))
    chance = sum(count * theirs[answer] for answer, count in ours.items()) / n**2
    kappa = None if chance == 1.0 else (observed - chance) / (1.0 - chance)
    return Agreement(n, 100.0 * observed, kappa)


def krippendorff_alpha(judges: Sequence[Mapping[str, Hashable]]) -> float | None:
    """Alpha of nominal answers by pair, from any number of judges with gaps; None if nothing can differ.

    Pairs that fewer than two judges answered don't count. K. Krippendorff, "Computing Krippendorff's
    Alpha-Reliability", 2011, section C.
    """
    units: dict[str, Counter[Hashable]] = {}
    for answers in judges:
        for pair, answer in answers.items():
            units.setdefault(pair, Counter())[answer] += 1
    units = {pair: counts for pair, counts in units.items() if counts.total() > 1}
    totals: Counter[Hashable] = Counter()
    observed = 0.0
    for counts in units.values():
        size = counts.total()
        totals.update(counts)
        observed += (size**2 - sum(count**2 for count in counts.values())) / (size - 1)
    n = totals.total()
    expected = n**2 - sum(count**2 for count in totals.values())
    if not expected:
        return None
    return 1.0 - (n - 1) * observed / expected
