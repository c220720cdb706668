"""From verdicts to one score a pair: win 1, tie 1/2, loss 0."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gisteval.records.schema import Choice, Order, Verdict

CHOICE_SCORES: dict[Choice, float | None] = {
    "a": 1.0,
    "tie": 0.5,
    "b": 0.0,
    "invalid": None,
    "error": None,
}
"""The system's score by choice; None if the comparison has no answer."""


@dataclass(frozen=True, slots=True)
class PairScore:
    """The score of one pair.

    Attributes:
        value: The mean over the orders shown, in [0, 1]; None if one of them has no answer.
        by_order: The score of each comparison, so that flips and wins of the first shown can be counted.
    """

    value: float | None
    by_order: dict[Order, float | None]


def pair_scores(verdicts: Iterable[Verdict]) -> dict[str, PairScore]:
    """Score every pair.

    Args:
        verdicts: Verdicts of one judge, purpose and system. Of several on one pair and order, the last
            counts.

    Returns:
        Scores by pair.
    """
    by_pair: dict[str, dict[Order, float | None]] = {}
    for verdict in verdicts:
        by_pair.setdefault(verdict.pair, {})[verdict.order] = CHOICE_SCORES[verdict.choice]
    return {pair: PairScore(_mean(list(scores.values())), scores) for pair, scores in by_pair.items()}


def item_means(
    values: Mapping[str, float | None], items: Mapping[str, str] | None
) -> dict[str, float | None]:
    """Average the pairs of each example; None if one of them has no answer.

    Args:
        values: The value of each pair.
        items: The example of each pair, where one may have several; None if each pair is an example.
    """
    if items is None:
        return dict(values)
    by_item: dict[str, list[float | None]] = {}
    for pair, value in values.items():
        by_item.setdefault(items[pair], []).append(value)
    return {item: _mean(scores) for item, scores in by_item.items()}


def _mean(scores: list[float | None]) -> float | None:
    known = [score for score in scores if score is not None]
    return sum(known) / len(known) if len(known) == len(scores) else None
