"""What every compressor is: instructions in, compressed prompts out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from gisteval.errors import GistevalError
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import Accounting, CompressedPrompt
from gisteval.records.schema import Condition


@dataclass(frozen=True, slots=True)
class Source:
    """A prompt before it is compressed: its tokens without gists, its gists and leak window.

    template: how many of the tokens are the template's.
    caches_prompts: the model can keep a whole prompt's states, whatever input follows.
    """

    tokens: int
    k: int
    leak_window: int
    caches_prompts: bool
    template: int = 0


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a prompt costs in tokens: run once to compress it, kept as slots, run again at each use.

    positions: of the context that it takes up, None for the whole prompt with its gists.
    """

    run_once: int
    slots: int
    run_each: int
    positions: int | None = None


class Compressor(ABC):
    """One idea of how an instruction becomes cheaper.

    reads_as: the attention mask under which an uncached pass sees the same, for the self-check; None
    if no mask over the plain prompt is equivalent. takes_budget: whether it can be told how much to keep.
    version: goes up whenever it keeps something else of the same prompt with the same settings, so that
    records of before are not taken for new ones.
    """

    name: ClassVar[str]
    reads_as: ClassVar[Condition | None]
    takes_budget: ClassVar[bool] = False
    version: ClassVar[int] = 1

    @abstractmethod
    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: int | None
    ) -> list[CompressedPrompt]:
        """Compress each instruction on its own, so results don't depend on what else is in the batch.

        budget: tokens or slots to keep of each instruction, None for the compressor's own choice. The
        template's tokens are no part of it.
        """

    def footprint(self, source: Source, budget: int | None) -> Footprint:
        """What compressing such a prompt will cost, for an estimate without weights.

        Here: the whole prompt is run once, and as many slots are kept as the budget says, all without one.
        """
        whole = source.tokens + source.k
        return Footprint(whole, whole if budget is None else min(budget, whole), 0)

    def positions(self, model: PromptModel, instructions: Sequence[str], budget: int | None) -> list[int]:
        """How much of the context each prompt takes up, while it is compressed and once it is.

        Here: its whole length, gists included, as what follows it stands at its original position.
        """
        return [len(prompt) for prompt in self.prompts(model, instructions)]

    def prompts(self, model: PromptModel, instructions: Sequence[str]) -> list[list[int]]:
        """Token ids of the uncompressed prompts, gist tokens included."""
        return [ids + model.tokens.gists for ids in model.tokens.prompts(instructions)]


def check_budget(budget: int | None, compressors: Mapping[str, type[Compressor]]) -> None:
    """Raises GistevalError for a budget that none of the compressors (by name) takes."""
    if budget is not None and not any(compressor.takes_budget for compressor in compressors.values()):
        named = f"{', '.join(compressors)} takes none" if compressors else "no compressor is given"
        raise GistevalError(
            f"--budget {budget} has nothing to work on, {named}: say what keeps so many tokens with "
            "--compressor, such as truncate"
        )


def nothing_kept(model: PromptModel, prompt: Sequence[int]) -> Accounting:
    """Accounting of a prompt of which nothing is visible any more."""
    return model.account(prompt, 0, 0)
