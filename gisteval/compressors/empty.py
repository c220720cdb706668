"""Everything is dropped: the negative control."""

from __future__ import annotations

from collections.abc import Sequence

from gisteval.compressors.base import Compressor, Footprint, Source, nothing_kept
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt, Nothing


class Empty(Compressor):
    """Keeps no slot; the input still starts at its original position."""

    name = "nothing"
    reads_as = "neg_control"

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: int | None
    ) -> list[CompressedPrompt]:
        """The budget is not used: nothing is kept."""
        return [
            Nothing(len(prompt), nothing_kept(model, prompt))
            for prompt in self.prompts(model, instructions)
        ]

    def footprint(self, source: Source, budget: int | None) -> Footprint:
        """Nothing is run and nothing kept."""
        return Footprint(0, 0, 0)
