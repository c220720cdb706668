"""The gate that may be watched: the same rule, by a test that holds at every look.

Instructions are looked at in an order that a hash of their texts gives, as if at random. The p-values of a
check are those of `stats.sequential`, so the gate may be asked after every new verdict, and judging may
stop at the first PASS or FAIL.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gisteval.errors import InvalidRun
from gisteval.gate.decision import ALPHA, CONFIDENCE, BoolArray, Check
from gisteval.records.schema import digest
from gisteval.stats.samples import FloatArray
from gisteval.stats.sequential import Bets, bets


@dataclass(frozen=True, slots=True)
class Looks:
    """How far a sequential check looked.

    Attributes:
        looked: The number of examples looked at.
        examples: The number of all examples.
        decided: After how many examples a PASS or FAIL of this check alone was certain; None if never.
    """

    looked: int
    examples: int
    decided: int | None

    @property
    def text(self) -> str:
        """The looks in words."""
        if self.decided is None:
            return f"not decided by {self.looked} of {self.examples} examples"
        return f"decided after {self.decided} of {self.examples} examples ({self.looked} looked at)"


@dataclass(frozen=True, slots=True)
class Watched:
    """A sequential check and how far it looked."""

    check: Check
    looks: Looks


def look_order(instructions: Sequence[str]) -> list[str]:
    """Return the distinct instructions in the order of the looks, which depends on their texts alone."""
    return sorted(set(instructions), key=lambda instruction: digest(["look", instruction]))


def sequential_check(
    name: str,
    values: FloatArray,
    worst: FloatArray,
    clusters: Sequence[str],
    limit: float,
    level: float,
    span: tuple[float, float],
    unseen: BoolArray | None = None,
) -> Watched:
    """Check sequentially whether a mean lies above a limit.

    An unknown value counts as the worst one for a PASS, and as the best one for a FAIL.

    Args:
        name: `difference`, `gain` or `floor`.
        values: Values or differences, shape (n,), NaN where unknown.
        worst: The values for a PASS, where outputs that are missing have counted against it.
        clusters: The cluster label of each example.
        limit: The mean must lie above it to pass.
        level: The mean must lie below it to fail.
        span: The range of the values.
        unseen: Where no verdict was asked for yet. The looks end before the first such instruction.

    Raises:
        InvalidRun: Nothing was looked at.
    """
    low, high = span
    order = look_order(clusters)
    chosen = _before_the_gap(clusters, order, unseen)
    labels = [label for label, is_chosen in zip(clusters, chosen, strict=True) if is_chosen]
    largest = max(Counter(clusters).values())

    def game(filled: FloatArray) -> Bets:
        return bets(np.clip(filled[chosen], low, high), low, high, labels, order, largest)

    passing = game(np.nan_to_num(worst, nan=low))
    failing = game(np.nan_to_num(values, nan=high))
    p_below = failing.p_at_least(level)
    reached = -np.log(ALPHA)
    won = (passing.evidence_above(limit) >= reached) | (failing.evidence_below(level) >= reached)
    sizes = np.cumsum(passing.sizes)
    return Watched(
        Check(
            name=name,
            estimate=passing.interval(CONFIDENCE),
            limit=limit,
            level=level,
            p_above=passing.p_at_most(limit),
            p_below=p_below,
            p_below_adjusted=p_below,
            missing=int(np.isnan(values[chosen]).sum()),
            with_missing=None,
            without_missing=None,
        ),
        Looks(int(chosen.sum()), values.size, int(sizes[won.argmax()]) if won.any() else None),
    )


def _before_the_gap(clusters: Sequence[str], order: Sequence[str], unseen: BoolArray | None) -> BoolArray:
    """Say which examples are of instructions before the first with an unjudged pair, shape (n,)."""
    hidden = np.zeros(len(clusters), bool) if unseen is None else unseen
    blocked = {label for label, is_hidden in zip(clusters, hidden, strict=True) if is_hidden}
    count = next((place for place, label in enumerate(order) if label in blocked), len(order))
    seen = set(order[:count])
    chosen = np.array([label in seen for label in clusters])
    if not chosen.any():
        raise InvalidRun("nothing was judged yet in the order of the looks: judge with --until-decided")
    return chosen
