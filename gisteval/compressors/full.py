"""No compression: the whole prompt stays visible, its states cached where the architecture allows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gisteval.compressors.base import Compressor, Footprint, Source
from gisteval.compressors.proof import MaskedRule
from gisteval.masks import MaskRule
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.records.budget import Budget


@dataclass(frozen=True)
class Full(Compressor):
    """Keeps the whole prompt: ordinary prompt caching, the positive control."""

    name = "full"
    reads = "own"

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Keep everything, whatever the budget."""
        return list(model.whole(self.prompts(model, instructions)))

    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> MaskedRule:
        """Whole prompts of which everything is visible."""
        return MaskedRule(self.prompts(model, instructions), MaskRule("pos_control"))

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """Without a cache of whole prompts the prompt runs again with each input."""
        whole = source.tokens + source.k
        return Footprint(whole, whole, 0) if source.caches_prompts else Footprint(0, 0, whole)
