"""The first slots of a prompt: a baseline that looks at positions only."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gisteval.compressors.eviction.base import Eviction
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class FirstSlots(Eviction):
    """Keeps the first slots, the same in all layers and heads."""

    name = "first"

    def score(self, view: LayerView) -> Tensor:
        """The earlier, the better."""
        return -view.positions.float()[:, None].expand(view.keys.shape[:3])
