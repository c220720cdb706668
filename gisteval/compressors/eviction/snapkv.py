"""Slots that the end of the prompt attends to (arXiv 2404.14469)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import avg_pool1d

from gisteval.compressors.eviction.attention import attention
from gisteval.compressors.eviction.base import Eviction, setting_at_least
from gisteval.errors import GistevalError
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class SnapKV(Eviction):
    """Keeps the last slots, and those that these attend to, smoothed over neighbours.

    A prompt no longer than the window, or a budget within it, keeps the last slots.

    Attributes:
        window: how many of the last slots observe, and are kept first.
        kernel: width of the smoothing, an odd number of slots.
    """

    name = "snapkv"
    source = "Li et al. 2024, arXiv 2404.14469"
    window: int = 64
    kernel: int = 5

    def __post_init__(self) -> None:
        setting_at_least(self, "window", 1)
        setting_at_least(self, "kernel", 1)
        if self.kernel % 2 == 0:
            raise GistevalError(f"compressor {self.name}: kernel must be odd, not {self.kernel}")

    def score(self, view: LayerView) -> Tensor:
        """Each row on its own, as the smoothing must not reach into the padding."""
        scores = torch.zeros(view.keys.shape[:3], device=view.keys.device)
        for row, prompt in enumerate(view.prompts):
            one = view.alone(row)
            before = max(0, len(prompt) - self.window)
            own = scores[row, :, scores.shape[2] - len(prompt) :]
            if before:
                weights = attention(one, before, len(prompt))[0, ..., :before].mean(2)
                smooth = avg_pool1d(weights, self.kernel, stride=1, padding=self.kernel // 2)
                own[:, :before] = smooth.mean(1)
            own[:, before:] = own.max() + 1
        return scores

    def choose(self, scores: Tensor, count: int) -> Tensor:
        """The last slots, and those with the highest scores before them."""
        heads, tokens = scores.shape
        if count > self.window:
            return super().choose(scores, count)
        return torch.arange(tokens - min(count, tokens), tokens, device=scores.device).expand(heads, -1)
