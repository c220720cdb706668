"""Truncation: keep the first tokens of the instruction, the simplest baseline of any token pruning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from gisteval.compressors.pruning.base import Pruning
from gisteval.models.running.base import PromptModel
from gisteval.records.budget import Budget


@dataclass(frozen=True)
class Truncate(Pruning):
    """Keeps the instruction's first tokens (8 unless a budget says otherwise) in its template."""

    name = "truncate"
    version = 2  # the template's tokens no longer count
    default_budget: ClassVar[Budget] = Budget(slots=8)

    def shorten(
        self, model: PromptModel, instruction: str, tokens: Sequence[int], budget: Budget | None
    ) -> list[int]:
        """Keep an instruction shorter than the budget whole."""
        head, tail = model.tokens.template_ends(tokens)
        left = (budget or self.default_budget).of(len(tokens) - head - tail)
        end = len(tokens) - tail
        return [*tokens[: min(head + left, end)], *tokens[end:]]
