"""More slots for the first layers, fewer for the last (arXiv 2406.02069)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from gisteval.compressors.eviction.allocation import Allocation
from gisteval.compressors.eviction.base import Eviction
from gisteval.errors import GistevalError
from gisteval.models.running.observe import LayerView
from gisteval.records.budget import round_half_up


@dataclass(frozen=True)
class Pyramid(Allocation):
    """Spreads an evictor's slots over the layers, falling evenly from the first to the last.

    Attributes:
        beta: the last layer keeps the mean over this, but one slot at least.
    """

    name = "pyramid"
    source = "PyramidKV, Cai et al. 2024, arXiv 2406.02069"
    beta: float = 20.0

    def __post_init__(self) -> None:
        """Check the setting and the evictor."""
        super().__post_init__()
        if self.beta < 1:
            raise GistevalError(f"compressor {self.name}: beta must be at least 1, not {self.beta:g}")

    def allocate(
        self, evictor: Eviction, view: LayerView, counts: Sequence[int], layers: int
    ) -> list[Tensor]:
        """As the evictor selects, by the layer's own counts."""
        rows = zip(counts, view.prompts, strict=True)
        return evictor.select(
            view, [self.layer_slots(count, len(prompt), layers)[view.layer] for count, prompt in rows]
        )

    def layer_slots(self, mean: int, tokens: int, layers: int) -> list[int]:
        """Slots a head of each layer, `mean` on average and none over `tokens`."""
        last = max(1.0, mean / self.beta)
        first = min(2 * mean - last, tokens)
        last = 2 * mean - first
        drop = (first - last) / max(1, layers - 1)
        ends = [
            round_half_up(number * first - drop * number * (number - 1) / 2) for number in range(layers)
        ]
        ends.append(mean * layers)
        return [ends[number + 1] - ends[number] for number in range(layers)]
