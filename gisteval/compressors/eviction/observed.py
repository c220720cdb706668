"""Slots that draw much attention on average."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gisteval.compressors.eviction.attention import received
from gisteval.compressors.eviction.base import Eviction
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class ObservedAttention(Eviction):
    """Keeps the slots with the highest mean attention from themselves and all later tokens.

    It needs all attention weights, computed a block at a time: the dearest of the evictors.
    """

    name = "observed"
    source = "the observed attention of kvpress; the sums are those of H2O, arXiv 2306.14048"

    def score(self, view: LayerView) -> Tensor:
        """The attention drawn, divided by how many tokens could give some."""
        later = view.lengths() - view.places()
        return received(view) / later.clamp(min=1)[:, None]
