"""What every allocation shares: an evictor's budget is spread over layers or heads in another way."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from gisteval.compressors.eviction.base import Eviction, evicted
from gisteval.compressors.proof import Proof
from gisteval.compressors.wrapper import Wrapper
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.observe import LayerView
from gisteval.records.budget import Budget


@dataclass(frozen=True)
class Allocation(Wrapper):
    """Keeps as many slots in all as the evictor would, but not as many in each layer or head.

    The bytes of a record are those of the slots that are kept. While a prompt is in use, its layers and
    heads lie in buffers that are as wide as the widest.
    """

    def refusal(self) -> str | None:
        """Only evictors have slots to spread, and what sees the input chooses them in a way of its own."""
        if not self.inner.reusable:
            return f"{self.inner.name} chooses slots for each input, and they are not spread otherwise"
        if isinstance(self.inner, Eviction):
            return None
        return f"{self.inner.name} is no evictor, so it has no slots to spread over layers and heads"

    @abstractmethod
    def allocate(
        self, evictor: Eviction, view: LayerView, counts: Sequence[int], layers: int
    ) -> list[Tensor]:
        """Choose the slots of one layer.

        Args:
            evictor: Scores and chooses.
            view: What the layer attends with.
            counts: How many slots a layer and head each row keeps on average.
            layers: How many layers there are.

        Returns:
            A row's indices among its own tokens, (kv heads, slots), ascending, -1 in front for none.
        """

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Run whole prompts once and keep what is allocated."""
        evictor = self.inner
        assert isinstance(evictor, Eviction) and isinstance(model, DecoderModel)
        layers = model.num_layers
        prompts = evictor.prompts(model, instructions)
        slots = [evictor.slots(model, prompt, budget) for prompt in prompts]
        return evicted(
            model, prompts, slots, lambda view, counts: self.allocate(evictor, view, counts, layers)
        )

    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> Proof:
        """That of the evictor: a mask a layer and head that shows what was kept."""
        return self.inner.proof(model, instructions, budget, compressed)
