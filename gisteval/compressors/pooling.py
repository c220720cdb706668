"""Slots that are means of neighbouring ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar

from gisteval.compressors.base import Compressor, Footprint, Source
from gisteval.compressors.eviction.base import kept_slots, setting_at_least
from gisteval.compressors.proof import Identity
from gisteval.models.running.architecture import ArchitectureName
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.pooled import pooled_prefixes
from gisteval.records.budget import Budget

WHOLE = Budget(share=1.0)


@dataclass(frozen=True)
class Pool(Compressor):
    """Keeps the first slots, and the means of windows of the others, equally long within one token.

    Values are averaged as they are, keys before their rotation. A mean key is rotated to the position of
    its window's middle token. The budget, which is of all the prompt's tokens as evictors count it, says
    how many windows there are.

    Attributes:
        sinks: slots at the start that stay as they are, as long as one is left for the rest.
    """

    name = "pool"
    source = "average pooling, a baseline in arXiv 2504.08934"
    takes_budget = True
    architectures: ClassVar[frozenset[ArchitectureName]] = frozenset(("decoder-only",))
    default_budget: ClassVar[Budget] = Budget(share=0.5)

    sinks: int = 4

    def __post_init__(self) -> None:
        """Check the setting."""
        setting_at_least(self, "sinks", 0)

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Run whole prompts once and average by the windows of each."""
        assert isinstance(model, DecoderModel)
        prompts = self.prompts(model, instructions)
        return list(pooled_prefixes(model, prompts, [self.all_windows(model, prompts, budget)])[0])

    def all_windows(
        self, model: PromptModel, prompts: Sequence[Sequence[int]], budget: Budget | None
    ) -> list[list[int]]:
        """The lengths of the windows of each prompt (token ids, gists included)."""
        windows = []
        for prompt in prompts:
            accounting = model.account(prompt, 0, 0)
            instruction = accounting.source_tokens - accounting.template_tokens
            slots = kept_slots(budget or self.default_budget, instruction, len(prompt))
            windows.append(self.windows(len(prompt), slots))
        return windows

    def windows(self, tokens: int, slots: int) -> list[int]:
        """The lengths of so many windows; of sinks it is 1."""
        sinks = min(self.sinks, slots - 1)
        rest, count = tokens - sinks, slots - sinks
        ends = [rest * number // count for number in range(count + 1)]
        return [1] * sinks + [end - start for start, end in pairwise(ends)]

    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> Identity:
        """Windows of one token, whose keys are rotated back and forth, are the whole prompt."""
        return Identity(WHOLE)

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """The whole prompt is run once, and each layer keeps what the budget says."""
        whole = source.tokens + source.k
        return Footprint(whole, kept_slots(budget or self.default_budget, source.instruction, whole), 0)
