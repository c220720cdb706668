"""How much a compressor keeps of an instruction: a number of slots, or a share of its tokens."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

from gisteval.errors import GistevalError

_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_DECIMALS = 9
"""Digits that a product of a share is rounded to first: 29% of 50 is 14.5, whatever floats say."""


@dataclass(frozen=True, slots=True)
class Budget:
    """Slots (or tokens) to keep, or a share of the instruction's own tokens; exactly one is set.

    Template tokens are counted apart and are no part of either. share: between 0 and 1.
    """

    slots: int | None = None
    share: float | None = None

    def __post_init__(self) -> None:
        if (self.slots is None) == (self.share is None):
            raise ValueError("a budget is either slots or a share")
        if self.slots is not None and self.slots < 1:
            raise GistevalError(f"budget must be at least 1, not {self.slots}")
        if self.share is not None and not 0 < self.share <= 1:
            raise GistevalError(f"budget must be a share above 0% and at most 100%, not {self}")

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read "16" or "25%". Raises GistevalError for anything else."""
        stripped = text.strip()
        if found := _SHARE.fullmatch(stripped):
            return cls(share=float(found[1]) / 100)
        try:
            slots = int(stripped)
        except ValueError as error:
            raise GistevalError(
                f"budget {text!r} is neither a number of slots (16) nor a share of the instruction (25%)"
            ) from error
        return cls(slots=slots)

    def __str__(self) -> str:
        """The text that `parse` reads, in its canonical form."""
        if self.share is None:
            return str(self.slots)
        return f"{100 * self.share:.10g}%"

    def of(self, tokens: int) -> int:
        """Slots of an instruction of so many tokens: a share is rounded, half up, to at least 1."""
        if self.share is None:
            return self.slots or 0
        return max(1, round_half_up(round(self.share * tokens, _DECIMALS)))


def round_half_up(number: float) -> int:
    """The nearest whole number, the upper one of two."""
    return math.floor(number + 0.5)


def parse_budgets(texts: Iterable[str]) -> tuple[Budget, ...]:
    """The budgets of several texts, each once. A text may hold several, separated by commas."""
    parts = [part for text in texts for part in text.split(",") if part.strip()]
    return tuple(dict.fromkeys(map(Budget.parse, parts)))
