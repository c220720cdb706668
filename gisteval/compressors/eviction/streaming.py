"""Attention sinks and the last slots (arXiv 2309.17453)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gisteval.compressors.eviction.base import Eviction, setting_at_least
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class Streaming(Eviction):
    """Keeps the first slots, which draw attention whatever they say, and the last ones.

    Original positions stay, as in all evictors here; StreamingLLM renumbers what it keeps.

    Attributes:
        sinks: how many of the first slots are kept before any other.
    """

    name = "streaming"
    source = "Xiao et al. 2023, arXiv 2309.17453"
    sinks: int = 4

    def __post_init__(self) -> None:
        setting_at_least(self, "sinks", 0)

    def score(self, view: LayerView) -> Tensor:
        """No slot is better than another: places decide."""
        return torch.ones(view.keys.shape[:3], device=view.keys.device)

    def choose(self, scores: Tensor, count: int) -> Tensor:
        """The sinks, then the last slots."""
        heads, tokens = scores.shape
        sinks = min(self.sinks, count)
        places = torch.arange(tokens, device=scores.device)
        return torch.cat([places[:sinks], places[tokens - count + sinks :]]).expand(heads, -1)
