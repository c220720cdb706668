"""Medians of timings as text, with an interval only if there are enough passes for one."""

from __future__ import annotations

from gisteval.records.profile_facts import BreakEvenFacts, MedianFacts, SavingFacts
from gisteval.report.layout import uses_text
from gisteval.report.tables import interval_text, rounded

Timed = MedianFacts | SavingFacts
"""A median of timings with its interval."""

MOST_P_VALUE = 0.05
"""The largest corrected p-value at which a difference counts as shown."""

FEWEST_FOR_RANGE, FEWEST_FOR_95 = 3, 6
"""The numbers of passes from which a median has a range, and a 95% interval."""


def shown_interval(timing: Timed) -> tuple[float, float] | None:
    """Return the interval of a median, or the range of a few passes; None with one or two passes."""
    if (
        timing.n < FEWEST_FOR_RANGE
        or timing.low is None
        or timing.high is None
        or timing.low == timing.high
    ):
        return None
    return timing.low, timing.high


def proven_interval(timing: Timed) -> tuple[float, float] | None:
    """Return the interval if it covers 95%. Statements are based on no other."""
    return None if timing.n < FEWEST_FOR_95 else shown_interval(timing)


def is_faster(saving: SavingFacts) -> str:
    """Say whether a way is faster: "yes", "slower", "not shown" or "too few passes".

    The p-value of the saving is corrected for all savings of its table.
    """
    interval = proven_interval(saving)
    if interval is None:
        return "too few passes"
    if saving.p_value > MOST_P_VALUE:
        return "not shown"
    return "yes" if interval[0] > 0 else "slower" if interval[1] < 0 else "not shown"


def median_text(value: float, ends: tuple[float, float] | None, digits: int, scale: float = 1.0) -> str:
    """Write a median with its interval, or alone: `2.000 [1.800, 2.300]`. All are multiplied by `scale`."""
    if ends is None:
        return rounded(scale * value, digits)
    return interval_text(scale * value, scale * ends[0], scale * ends[1], digits)


def passes_text(rounds: int) -> str:
    """Say how often a batch was measured, and what its intervals are."""
    if rounds == 1:
        return "One repetition: no interval"
    if rounds < FEWEST_FOR_RANGE:
        return f"Medians of {rounds} repetitions: no interval"
    if rounds < FEWEST_FOR_95:
        covered = 100 * (1 - 2 * 0.5**rounds)
        return f"Medians of {rounds} passes with their range (it covers {covered:.0f}%, not 95%)"
    return f"Medians of {rounds} passes with 95% intervals"


def pays_text(even: BreakEvenFacts) -> str:
    """Say from which use on compression pays. A measured number is "about" that."""
    uses = even.reuses
    if uses is None or uses <= 1:
        return uses_text(uses)
    return f"from {'about ' if even.unit == 'seconds' else ''}{uses_text(uses)} uses"


def pays_interval(even: BreakEvenFacts) -> str:
    """Write the interval of a break-even point: `2 to 43`, `2 to never`; "exact" for counted FLOPs."""
    if even.unit == "flops":
        return "exact"
    if even.interval is None:
        return "too few passes"
    low, high = map(uses_text, even.interval)
    return low if low == high else f"{low} to {high}"
