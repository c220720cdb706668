"""What every compressor is: instructions in, compressed prompts out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from gisteval.models.base import PromptModel
from gisteval.models.compressed import Accounting, CompressedPrompt
from gisteval.schema import Condition


@dataclass(frozen=True, slots=True)
class Source:
    """A prompt before it is compressed: its tokens without gists, its gists and leak window.

    caches_prompts: the model can keep a whole prompt's states, whatever input follows.
    """

    tokens: int
    k: int
    leak_window: int
    caches_prompts: bool


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a prompt costs in tokens: run once to compress it, kept as slots, run again at each use."""

    run_once: int
    slots: int
    run_each: int


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

    def footprint(self, source: Source, budget: int | None) -> Footprint:
        """What compressing such a prompt will cost, for an estimate without weights.

        Here: the whole prompt is run once, and as many slots are kept as the budget says, all without one.
        """
        whole = source.tokens + source.k
        return Footprint(whole, whole if budget is None else min(budget, whole), 0)

    def prompts(self, model: PromptModel, instructions: Sequence[str]) -> list[list[int]]:
        """Token ids of the uncompressed prompts, gist tokens included."""
        return [ids + model.tokens.gists for ids in model.tokens.prompts(instructions)]


def nothing_kept(model: PromptModel, prompt: Sequence[int]) -> Accounting:
    """Accounting of a prompt of which nothing is visible any more."""
    source = len(prompt) - model.tokens.count_gists(prompt)
    return Accounting(source, model.tokens.template_tokens, 0, 0)
