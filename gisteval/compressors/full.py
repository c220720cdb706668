"""No compression: the whole prompt stays visible, its states cached where the architecture allows it."""

from __future__ import annotations

from collections.abc import Sequence

from gisteval.compressors.base import Compressor
from gisteval.models.base import PromptModel
from gisteval.models.compressed import CompressedPrompt


class Full(Compressor):
    """Keeps the whole prompt: ordinary prompt caching, the positive control."""

    name = "none"
    reads_as = "pos_control"

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: int | None
    ) -> list[CompressedPrompt]:
        """The budget is not used: everything is kept."""
        return list(model.whole(self.prompts(model, instructions)))
