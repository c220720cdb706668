"""The checks that a gate makes on one split, by its options."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from gisteval import stats
from gisteval.gate.decision import BoolArray, Check, difference_check, floor_check
from gisteval.gate.margins import Allowance
from gisteval.gate.sequential import Looks, Watched, sequential_check
from gisteval.stats.intervals import mean_error
from gisteval.stats.samples import FloatArray


@dataclass(frozen=True, slots=True)
class Pairing:
    """Both sides' values on one split, turned so that higher values are better.

    Attributes:
        better: The candidate's values, shape (n,); NaN where unknown.
        than: The baseline's values of the same examples.
        clusters: The cluster label of each example.
        absent: Where the candidate and where the baseline have no output, shape (n,) each.
        reach: The largest possible difference; None without a range.
        ends: The range of the values; None without one.
        unseen: Where a verdict was not asked for yet, shape (n,).
    """

    better: FloatArray
    than: FloatArray
    clusters: Sequence[str]
    absent: tuple[BoolArray, BoolArray]
    reach: float | None
    ends: tuple[float, float] | None
    unseen: BoolArray | None = None

    @property
    def swapped(self) -> Pairing:
        """The same with the sides exchanged."""
        return replace(self, better=self.than, than=self.better, absent=self.absent[::-1])

    def shifted(self, allowed: Allowance) -> Pairing:
        """The same with what each example may lose added to the candidate's value."""
        reach = None if self.reach is None else self.reach * allowed.reach
        return replace(self, better=self.better + allowed.values, reach=reach)


def fixed_check(pairing: Pairing, margin: float | Allowance) -> Check:
    """Check whether the candidate is worse by less than the margin, when all examples were looked at."""
    p = pairing
    if not isinstance(margin, Allowance):
        return difference_check(p.better, p.than, p.clusters, margin, p.absent, p.reach, p.ends)
    found = fixed_check(p, margin.mean)
    tested = fixed_check(p.shifted(margin), 0.0)
    return replace(
        found,
        p_above=tested.p_above,
        missing=tested.missing,
        with_missing=tested.with_missing,
        without_missing=tested.without_missing,
    )


def gain_check(pairing: Pairing, margin: float | Allowance) -> Check:
    """Check whether the candidate is better by less than the margin: the other half of equivalence.

    Both halves together are the two one-sided tests of D. J. Schuirmann, "A comparison of the two one-sided
    tests procedure and the power approach for assessing the equivalence of average bioavailability",
    Journal of Pharmacokinetics and Biopharmaceutics 15, 1987. It fails if the gain is shown to be larger.
    """
    found = fixed_check(pairing.swapped, margin)
    allowed = margin.values if isinstance(margin, Allowance) else margin
    differences = pairing.than - pairing.better + allowed
    known = ~np.isnan(differences)
    labels = [label for label, keep in zip(pairing.clusters, known, strict=True) if keep]
    if pairing.reach is None:
        p_below = mean_error(differences[known], labels).p_above_zero()
    else:
        reach = pairing.reach + abs(-found.limit)
        reach = max(reach, float(np.abs(differences[known]).max(initial=0.0)))
        p_below = stats.bounded_mean(differences[known], -reach, reach, labels).p_at_least(0.0)
    return replace(found, name="gain", level=found.limit, p_below=p_below, p_below_adjusted=p_below)


def watched_checks(
    pairing: Pairing, margin: float, floor: float | None, both: bool
) -> tuple[list[Check], Looks]:
    """Make the checks of a split sequentially.

    Args:
        pairing: The values; they have a range.
        margin: In the metric's unit.
        floor: A win rate that the candidate must exceed, if one was asked for.
        both: Whether the candidate must not be better by the margin either.

    Returns:
        The checks, and how far the first of them looked.
    """
    p, reach = pairing, pairing.reach
    assert reach is not None and p.ends is not None
    low, high = p.ends
    span = (-reach, reach)

    def half(name: str, of: Pairing, level: float) -> Watched:
        theirs = np.where(of.absent[1], high, np.nan_to_num(of.than, nan=high))
        worst = np.nan_to_num(of.better, nan=low) - theirs
        differences = of.better - of.than
        return sequential_check(name, differences, worst, p.clusters, -margin, level, span, p.unseen)

    watched = [half("difference", p, 0.0)]
    if both:
        watched.append(half("gain", p.swapped, -margin))
    if floor is not None:
        least = np.nan_to_num(p.better, nan=low)
        watched.append(
            sequential_check("floor", p.better, least, p.clusters, floor, floor, (low, high), p.unseen)
        )
    return [one.check for one in watched], watched[0].looks


def fixed_checks(
    pairing: Pairing, margin: float | Allowance, floor: float | None, both: bool
) -> list[Check]:
    """Make the checks of a split once, on all its examples. The arguments are those of `watched_checks`."""
    checks = [fixed_check(pairing, margin)]
    if both:
        checks.append(gain_check(pairing, margin))
    if floor is not None:
        checks.append(floor_check(pairing.better, pairing.clusters, floor, pairing.absent[0]))
    return checks
