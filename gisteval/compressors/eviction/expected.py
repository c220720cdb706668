"""Slots that future queries are expected to attend to (arXiv 2510.00636)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from gisteval.compressors.eviction.base import Eviction, setting_at_least
from gisteval.errors import GistevalError
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class ExpectedAttention(Eviction):
    """Keeps the slots with the highest expected attention, weighted by the norms of their values.

    Future queries are taken as normal, with the mean and the covariance of the prompt's own before their
    rotation, and rotated by the mean over the positions to come (equations 8 to 10).

    Attributes:
        future: how many positions to come are averaged over.
        sinks: first slots that are kept before any other and don't enter the mean and the covariance.
        covariance: False leaves the covariance out.
        vnorm: False leaves the norms of the values out.
        epsilon: is added to the expected attention before it is weighted.
    """

    name = "expected"
    source = "Devoto et al. 2025, arXiv 2510.00636"
    future: int = 512
    sinks: int = 4
    covariance: bool = True
    vnorm: bool = True
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        setting_at_least(self, "future", 1)
        setting_at_least(self, "sinks", 0)
        if not self.epsilon >= 0:
            raise GistevalError(f"compressor {self.name}: epsilon must be at least 0, not {self.epsilon:g}")

    def score(self, view: LayerView) -> Tensor:
        """Each row on its own: its mean and covariance are over its own tokens."""
        scores = torch.zeros(view.keys.shape[:3], device=view.keys.device)
        turns: dict[int, Tensor] = {}
        for row, prompt in enumerate(view.prompts):
            own = scores[row, :, scores.shape[2] - len(prompt) :]
            sinks = min(self.sinks, len(prompt))
            if sinks < len(prompt):
                alone, last = view.alone(row), int(view.positions[row, -1])
                if last not in turns:  # rows that end at the same position share it
                    turns[last] = alone.mean_rotation(self.future)
                own[:, sinks:] = self._expected(alone, sinks, turns[last])
            own[:, :sinks] = own.max() + 1
        return scores

    def _expected(self, view: LayerView, sinks: int, turn: Tensor) -> Tensor:
        """The expected attention to a row's tokens behind the sinks, (kv heads, tokens)."""
        queries = view.unrotated_queries()[0, :, sinks:].float()
        heads = view.keys.shape[1]
        mean = queries.mean(1, keepdim=True)
        spread = (queries - mean).transpose(1, 2) @ (queries - mean) / queries.shape[1]
        mean, spread = mean @ turn.T, turn @ spread @ turn.T
        keys = view.keys[0, :, sinks:].float().repeat_interleave(view.groups, 0)
        logits = (mean @ keys.transpose(1, 2))[:, 0] * view.scaling
        if self.covariance:
            logits = logits + ((keys @ spread) * keys).sum(-1) * view.scaling**2 / 2
        expected = logits.softmax(-1).reshape(heads, view.groups, -1).mean(1)
        if self.vnorm:
            expected = (expected + self.epsilon) * view.values[0, :, sinks:].float().norm(dim=-1)
        return expected
