"""Slots with keys of small norm (arXiv 2406.11430)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gisteval.compressors.eviction.base import Eviction
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class KeyNorm(Eviction):
    """Keeps the slots whose keys have the lowest norms: in trained models they draw most attention."""

    name = "knorm"
    source = "Devoto et al. 2024, arXiv 2406.11430"

    def score(self, view: LayerView) -> Tensor:
        """The negative norm of each key."""
        norms: Tensor = -view.keys.norm(dim=-1)
        return norms
