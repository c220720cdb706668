"""No compression: the whole prompt's states are cached and stay visible."""

from __future__ import annotations

from collections.abc import Sequence

from gisteval.compressors.base import Compressor
from gisteval.models.compressed import CompressedPrompt
from gisteval.models.decoder import DecoderModel


class Full(Compressor):
    """Keeps every slot of the prompt: ordinary prompt caching, the positive control."""

    name = "none"
    reads_as = "pos_control"

    def compress(
        self, model: DecoderModel, instructions: Sequence[str], budget: int | None
    ) -> list[CompressedPrompt]:
        """The budget is not used: everything is kept."""
        return list(model.encode(self.prompts(model, instructions), None))
