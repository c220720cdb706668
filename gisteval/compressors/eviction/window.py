"""The last slots of a prompt: a baseline that looks at positions only."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gisteval.compressors.eviction.base import Eviction
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class RecentWindow(Eviction):
    """Keeps the last slots, the same in all layers and heads."""

    name = "window"

    def score(self, view: LayerView) -> Tensor:
        """The later, the better."""
        return view.positions.float()[:, None].expand(view.keys.shape[:3])
