"""Slots that the last token attends to (arXiv 2401.06104)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gisteval.compressors.eviction.attention import last_attention
from gisteval.compressors.eviction.base import Eviction
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class Tova(Eviction):
    """Keeps the slots with the highest attention from the last token, the same in all heads of a layer."""

    name = "tova"
    source = "Oren et al. 2024, arXiv 2401.06104"

    def score(self, view: LayerView) -> Tensor:
        """The last token's attention, averaged over all heads; the last token itself is always kept."""
        weights = last_attention(view, 1)[:, :, :, 0].mean((1, 2))
        weights[:, -1] = weights[:, :-1].amax(1) + 1 if weights.shape[1] > 1 else 1
        return weights[:, None].expand(view.keys.shape[:3])
