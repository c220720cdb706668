"""Truncation: keep the first tokens of the instruction, the simplest baseline of any token pruning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from gisteval.compressors.base import Compressor, Footprint, Source
from gisteval.compressors.proof import Rerun
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import Accounting, CompressedPrompt, Tokens
from gisteval.records.budget import Budget


@dataclass(frozen=True)
class Truncate(Compressor):
    """Keeps the instruction's first tokens (8 unless a budget says otherwise) in its template.

    They run as an ordinary, shorter prompt.
    """

    name = "truncate"
    takes_budget = True
    keeps_states = False
    version = 2  # the template's tokens no longer count
    default_budget: ClassVar[Budget] = Budget(slots=8)

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Keep an instruction shorter than the budget whole; gist tokens are not used."""
        compressed: list[CompressedPrompt] = []
        for ids in model.tokens.prompts(instructions):
            head, tail = model.tokens.template_ends(ids)
            template = head + tail
            instruction = len(ids) - template
            left = min((budget or self.default_budget).of(instruction), instruction)
            kept = (*ids[: head + left], *ids[len(ids) - tail :])
            size = 4 * len(kept)
            accounting = Accounting(len(ids), template, len(kept), size, template, left)
            compressed.append(Tokens(kept, accounting))
        return compressed

    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> Rerun:
        """The tokens that are left, as a prompt of their own."""
        return Rerun([prompt.token_ids for prompt in compressed if isinstance(prompt, Tokens)])

    def positions(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[int]:
        """Only what is kept is ever run."""
        return [prompt.accounting.kept for prompt in self.compress(model, instructions, budget)]

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """The tokens that are left run again at each use."""
        left = min((budget or self.default_budget).of(source.instruction), source.instruction)
        return Footprint(0, 0, source.template + left, source.template + left)
