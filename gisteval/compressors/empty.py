"""Everything is dropped: the negative control."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gisteval.compressors.base import Compressor, Footprint, Source, nothing_kept
from gisteval.compressors.proof import MaskedRule
from gisteval.masks import MaskRule
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt, Nothing
from gisteval.records.budget import Budget


@dataclass(frozen=True)
class Empty(Compressor):
    """Keeps no slot; the input still starts at its original position."""

    name = "empty"
    reads = "own"
    keeps_states = False

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Keep nothing, whatever the budget."""
        return [
            Nothing(len(prompt), nothing_kept(model, prompt))
            for prompt in self.prompts(model, instructions)
        ]

    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> MaskedRule:
        """Whole prompts of which nothing is visible."""
        return MaskedRule(self.prompts(model, instructions), MaskRule("neg_control"))

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """Nothing is run and nothing kept."""
        return Footprint(0, 0, 0)
