"""No compression: the whole prompt stays visible, its states cached where the architecture allows it."""

from __future__ import annotations

from collections.abc import Sequence

from gisteval.compressors.base import Compressor, Footprint, Source
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt


class Full(Compressor):
    """Keeps the whole prompt: ordinary prompt caching, the positive control."""

    name = "none"
    reads_as = "pos_control"

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: int | None
    ) -> list[CompressedPrompt]:
        """The budget is not used: everything is kept."""
        return list(model.whole(self.prompts(model, instructions)))

    def footprint(self, source: Source, budget: int | None) -> Footprint:
        """Without a cache of whole prompts the prompt runs again with each input."""
        whole = source.tokens + source.k
        return Footprint(whole, whole, 0) if source.caches_prompts else Footprint(0, 0, whole)
