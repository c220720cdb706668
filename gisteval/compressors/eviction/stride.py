"""Evenly spaced slots: a baseline that looks at positions only."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gisteval.compressors.eviction.base import Eviction
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class Stride(Eviction):
    """Keeps slots that are spread evenly over the prompt, the same in all layers and heads."""

    name = "stride"

    def score(self, view: LayerView) -> Tensor:
        """No slot is better than another."""
        return torch.zeros(view.keys.shape[:3], device=view.keys.device)

    def choose(self, scores: Tensor, count: int) -> Tensor:
        """The middle slot of each of `count` equal parts of the prompt."""
        heads, tokens = scores.shape
        parts = torch.arange(count, device=scores.device)
        return ((2 * parts + 1) * tokens // (2 * count)).expand(heads, -1)
