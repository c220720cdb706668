"""Medians of timings in the content of a profile, as text: no interval where there is none."""

from __future__ import annotations

from gisteval.records.profile_facts import BreakEvenFacts, MedianFacts, SavingFacts
from gisteval.report.layout import uses_text
from gisteval.report.tables import interval_text, rounded

Timed = MedianFacts | SavingFacts
"""A median with its interval."""

MOST_P_VALUE = 0.05
"""Of no difference, at which one is said to be shown."""

FEWEST_FOR_RANGE, FEWEST_FOR_95 = 3, 6
"""Passes below which a median has no range, and no interval of 95%."""


def shown_interval(found: Timed) -> tuple[float, float] | None:
    """What stands beside a median: its interval, or the range of a few passes; None for one or two."""
    if found.n < FEWEST_FOR_RANGE or found.low is None or found.high is None or found.low == found.high:
        return None
    return found.low, found.high


def proven_interval(found: Timed) -> tuple[float, float] | None:
    """The interval, if it covers 95%: the only one that a statement may rest on."""
    return None if found.n < FEWEST_FOR_95 else shown_interval(found)


def is_faster(found: SavingFacts) -> str:
    """Of a saving: yes, slower, not shown, or too few passes.

    p_value: of no difference, corrected for all savings that it stands beside.
    """
    interval = proven_interval(found)
    if interval is None:
        return "too few passes"
    if found.p_value > MOST_P_VALUE:
        return "not shown"
    return "yes" if interval[0] > 0 else "slower" if interval[1] < 0 else "not shown"


def median_text(value: float, ends: tuple[float, float] | None, digits: int, scale: float = 1.0) -> str:
    """`2.000 [1.800, 2.300]`, or the bare value; all of them times `scale`."""
    if ends is None:
        return rounded(scale * value, digits)
    return interval_text(scale * value, scale * ends[0], scale * ends[1], digits)


def passes_text(rounds: int) -> str:
    """How often a batch was measured, and what its intervals are."""
    if rounds == 1:
        return "One repetition: no interval"
    if rounds < FEWEST_FOR_RANGE:
        return f"Medians of {rounds} repetitions: no interval"
    if rounds < FEWEST_FOR_95:
        covered = 100 * (1 - 2 * 0.5**rounds)
        return f"Medians of {rounds} passes with their range (it covers {covered:.0f}%, not 95%)"
    return f"Medians of {rounds} passes with 95% intervals"


def pays_text(even: BreakEvenFacts) -> str:
    """From which use on compression pays; a measured number is "about"."""
    uses = even.reuses
    if uses is None or uses <= 1:
        return uses_text(uses)
    return f"from {'about ' if even.unit == 'seconds' else ''}{uses_text(uses)} uses"


def pays_interval(even: BreakEvenFacts) -> str:
    """`2 to 43`, `2 to never`; what is counted is exact, what is timed may have no interval."""
    if even.unit == "flops":
        return "exact"
    if even.interval is None:
        return "too few passes"
    low, high = map(uses_text, even.interval)
    return low if low == high else f"{low} to {high}"
