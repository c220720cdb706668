"""What every compressor is: instructions in, compressed prompts out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar

from gisteval.models.base import PromptModel
from gisteval.models.compressed import Accounting, CompressedPrompt
from gisteval.schema import Condition


class Compressor(ABC):
    """One idea of how an instruction becomes cheaper.

    reads_as: the attention mask under which an uncached pass sees the same, for the self-check; None
    if no mask over the plain prompt is equivalent.
    """

    name: ClassVar[str]
    reads_as: ClassVar[Condition | None]

    @abstractmethod
    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: int | None
    ) -> list[CompressedPrompt]:
        """Compress each instruction on its own, so results don't depend on what else is in the batch.

        budget: tokens or slots to keep of each, None for the compressor's own choice.
        """

    def prompts(self, model: PromptModel, instructions: Sequence[str]) -> list[list[int]]:
        """Token ids of the uncompressed prompts, gist tokens included."""
        return [ids + model.tokens.gists for ids in model.tokens.prompts(instructions)]


def nothing_kept(model: PromptModel, prompt: Sequence[int]) -> Accounting:
    """Accounting of a prompt of which nothing is visible any more."""
    source = len(prompt) - model.tokens.count_gists(prompt)
    return Accounting(source, model.tokens.template_tokens, 0, 0)
