"""What every evictor shares: a leaf scores the slots of a layer, and the best of each head are kept."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from torch import Tensor

from gisteval.compressors.base import Compressor, Footprint, Source
from gisteval.compressors.proof import MaskedSelection
from gisteval.errors import GistevalError
from gisteval.models.running.architecture import ArchitectureName
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt, Prefix
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.observe import LayerView
from gisteval.models.running.phases import phase
from gisteval.records.budget import Budget


@dataclass(frozen=True)
class Eviction(Compressor):
    """Keeps the slots with the highest scores of each layer and key-value head, as they were rotated.

    A budget of N slots is N slots a layer and head, chosen among all tokens of the whole prompt: the
    template's compete with the instruction's. That is how published evictors count, and what reproduces
    the figures that are known of them. A share is of the instruction's own tokens; 100% keeps the whole
    prompt, and so does a budget over its length.

    What is kept keeps its original positions, so an uncached pass under a mask a layer and head gives the
    same, which is the proof.
    """

    takes_budget = True
    architectures: ClassVar[frozenset[ArchitectureName]] = frozenset(("decoder-only",))
    default_budget: ClassVar[Budget] = Budget(share=0.5)

    @abstractmethod
    def score(self, view: LayerView) -> Tensor:
        """Score the slots of one layer; those with the highest scores are kept.

        Args:
            view: What the layer attends with.

        Returns:
            (rows, kv heads, tokens) float; what padding gets doesn't matter. A row's scores may depend on
            that row alone.
        """

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Run whole prompts once and keep what the budget allows, half of it without a budget."""
        prompts = self.prompts(model, instructions)
        slots = [self.slots(model, prompt, budget) for prompt in prompts]
        return evicted(model, prompts, slots, self.select)

    def slots(self, model: PromptModel, prompt: Sequence[int], budget: Budget | None) -> int:
        """Slots that each layer and head keeps of a prompt (token ids, gists included)."""
        accounting = model.account(prompt, 0, 0)
        instruction = accounting.source_tokens - accounting.template_tokens
        return kept_slots(budget or self.default_budget, instruction, len(prompt))

    def select(self, view: LayerView, counts: Sequence[int]) -> list[Tensor]:
        """Score a layer and choose its slots.

        Args:
            view: What the layer attends with.
            counts: How many slots each row keeps a head.

        Returns:
            A row's indices among its own tokens, (kv heads, slots), ascending.
        """
        with phase("scoring", view.keys.device):
            scores = self.score(view)
        return [row[0] for row in self.select_each(scores, view, [[count] for count in counts])]

    def select_each(
        self, scores: Tensor, view: LayerView, counts: Sequence[Sequence[int]]
    ) -> list[list[Tensor]]:
        """Several selections by scores that are known: a row's for each of its counts."""
        with phase("selection", view.keys.device):
            rows = zip(self._of_rows(scores, view), counts, strict=True)
            return [self.choose_each(row, own) for row, own in rows]

    def scores(self, view: LayerView) -> list[Tensor]:
        """The scores of each row's own tokens, (kv heads, tokens)."""
        return self._of_rows(self.score(view), view)

    def layer_scores(self, model: DecoderModel, instruction: str) -> list[Tensor]:
        """The scores of one prompt by a pass of their own, (kv heads, tokens) a layer, on the CPU."""
        found: list[Tensor] = []
        model.observe(
            self.prompts(model, [instruction]), lambda view: found.append(self.score(view)[0].float().cpu())
        )
        return found

    def _of_rows(self, scores: Tensor, view: LayerView) -> list[Tensor]:
        if scores.shape != view.keys.shape[:3]:
            raise GistevalError(
                f"compressor {self.name} gives scores of shape {tuple(scores.shape)} for (rows, kv heads, "
                f"tokens) of {tuple(view.keys.shape[:3])}"
            )
        return [
            row[:, row.shape[1] - len(prompt) :] for row, prompt in zip(scores, view.prompts, strict=True)
        ]

    def choose(self, scores: Tensor, count: int) -> Tensor:
        """Choose a row's slots: those of the highest scores, of equal ones the earlier.

        Args:
            scores: (kv heads, tokens) of the row's own tokens.
            count: How many each head keeps.

        Returns:
            (kv heads, count) indices among the row's own tokens, ascending.
        """
        return _best_first(scores)[:, :count].sort(dim=1).values

    def choose_each(self, scores: Tensor, counts: Sequence[int]) -> list[Tensor]:
        """`choose` for several counts; where it ranks slots, they are ranked once."""
        if type(self).choose is not Eviction.choose:
            return [self.choose(scores, count) for count in counts]
        order = _best_first(scores)
        return [order[:, :count].sort(dim=1).values for count in counts]

    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> MaskedSelection:
        """A mask a layer and head that shows of each prompt what was kept."""
        kept = [prompt.kept for prompt in compressed if isinstance(prompt, Prefix) and prompt.kept]
        return MaskedSelection(self.prompts(model, instructions), kept)

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """The whole prompt is run once, and each layer and head keeps what the budget says."""
        whole = source.tokens + source.k
        return Footprint(whole, kept_slots(budget or self.default_budget, source.instruction, whole), 0)


def _best_first(scores: Tensor) -> Tensor:
    return scores.float().sort(dim=1, descending=True, stable=True).indices


def evicted(
    model: PromptModel,
    prompts: Sequence[Sequence[int]],
    slots: Sequence[int],
    select: Callable[[LayerView, Sequence[int]], Sequence[Tensor]],
) -> list[CompressedPrompt]:
    """Run whole prompts once and keep what is selected.

    Args:
        model: Runs the prompts.
        prompts: Token ids, gists included.
        slots: How many slots a head each prompt keeps.
        select: From a layer and how many slots each of its rows keeps, to their indices.
    """
    by_prompt = dict(zip(map(tuple, prompts), slots, strict=True))

    def of_layer(view: LayerView) -> Sequence[Tensor]:
        return select(view, [by_prompt[tuple(prompt)] for prompt in view.prompts])

    encoded = model.encode(prompts, select=of_layer)
    return [with_asked(prefix, asked) for prefix, asked in zip(encoded, slots, strict=True)]


def with_asked(prompt: CompressedPrompt, asked: int) -> CompressedPrompt:
    """A compressed prompt that says how many slots the budget allowed it."""
    return replace(prompt, accounting=replace(prompt.accounting, asked=asked))


def kept_slots(budget: Budget, instruction: int, whole: int) -> int:
    """Slots of a prompt of `whole` tokens, so many of which are the instruction's own."""
    return whole if budget.share == 1 else min(budget.of(instruction), whole)


def setting_at_least(compressor: Compressor, name: str, least: int) -> None:
    """Check a whole-numbered setting.

    Raises:
        GistevalError: it is smaller than `least`.
    """
    value = getattr(compressor, name)
    if value < least:
        raise GistevalError(f"compressor {compressor.name}: {name} must be at least {least}, not {value}")
