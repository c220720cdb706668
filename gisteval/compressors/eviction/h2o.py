"""Heavy hitters and the last slots (arXiv 2306.14048)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gisteval.compressors.eviction.attention import received
from gisteval.compressors.eviction.base import Eviction
from gisteval.errors import GistevalError
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class HeavyHitters(Eviction):
    """Keeps the last slots, and of the others those that drew most attention in sum.

    Attributes:
        recent: share of the budget that goes to the last slots, 0 to 1.
    """

    name = "h2o"
    source = "Zhang et al. 2023, arXiv 2306.14048"
    recent: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.recent <= 1:
            raise GistevalError(f"compressor {self.name}: recent must be 0 to 1, not {self.recent:g}")

    def score(self, view: LayerView) -> Tensor:
        """The attention drawn in sum."""
        return received(view)

    def choose(self, scores: Tensor, count: int) -> Tensor:
        """The last slots first, then the heaviest of the others."""
        last = min(round(count * self.recent), count)
        places = torch.arange(scores.shape[1], device=scores.device)
        return super().choose(scores.masked_fill(places >= scores.shape[1] - last, float("inf")), count)
