"""From single looks to one value a pair: win 1, tie 1/2, loss 0, and missing when a look has no answer."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gisteval.records.schema import Choice, Order, Verdict

WORTH: dict[Choice, float | None] = {"a": 1.0, "tie": 0.5, "b": 0.0, "invalid": None, "error": None}


@dataclass(frozen=True, slots=True)
class PairScore:
    """A pair's value in [0, 1], the mean over the orders shown; None if any look has no answer.

    by_order holds the value of each look, so flips and first-shown wins can be counted.
    """

    value: float | None
    by_order: dict[Order, float | None]


def pair_scores(verdicts: Iterable[Verdict]) -> dict[str, PairScore]:
    """Values by pair. The verdicts are of one judge, purpose and system; the last of a look counts."""
    looks: dict[str, dict[Order, float | None]] = {}
    for verdict in verdicts:
        looks.setdefault(verdict.pair, {})[verdict.order] = WORTH[verdict.choice]
    return {pair: PairScore(_mean(list(found.values())), found) for pair, found in looks.items()}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
