"""One choice of slots for all layers and heads of an evictor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Tensor, stack

from gisteval.compressors.base import Footprint, Source
from gisteval.compressors.eviction.base import Eviction, evicted
from gisteval.compressors.proof import Proof
from gisteval.compressors.wrapper import Wrapper
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.observe import LayerView
from gisteval.records.budget import Budget


@dataclass(frozen=True)
class Single(Wrapper):
    """Keeps the same slots in every layer and head: those with the best mean score over all of them.

    That is what dropping tokens would keep, and shows what an evictor gains by choosing a head. It takes a
    second pass over the prompt.
    """

    name = "single"

    def refusal(self) -> str | None:
        """Only evictors choose slots."""
        if isinstance(self.inner, Eviction):
            return None
        return f"{self.inner.name} is no evictor, so it has no scores to choose slots by"

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Score all layers in one pass, and keep the best slots in another."""
        evictor = self.inner
        assert isinstance(evictor, Eviction) and isinstance(model, DecoderModel)
        prompts = evictor.prompts(model, instructions)
        by_layer: dict[int, dict[tuple[int, ...], Tensor]] = {}

        def see(view: LayerView) -> None:
            rows = zip(view.prompts, evictor.scores(view), strict=True)
            means = {tuple(prompt): scores.float().mean(0, keepdim=True) for prompt, scores in rows}
            by_layer.setdefault(view.layer, {}).update(means)

        def choose(view: LayerView, counts: Sequence[int]) -> list[Tensor]:
            heads = view.keys.shape[1]
            layers = [[layer[tuple(row)] for layer in by_layer.values()] for row in view.prompts]
            pairs = zip(layers, counts, strict=True)
            return [evictor.choose(stack(found).sum(0), count).expand(heads, -1) for found, count in pairs]

        model.observe(prompts, see)
        slots = [evictor.slots(model, prompt, budget) for prompt in prompts]
        return evicted(model, prompts, slots, choose)

    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> Proof:
        """That of the evictor: a mask that shows what was kept."""
        return self.inner.proof(model, instructions, budget, compressed)

    def footprint(self, source: Source, budget: Budget | None) -> Footprint:
        """That of the evictor, with the prompt run twice."""
        once = super().footprint(source, budget)
        return replace(once, run_once=2 * once.run_once)
