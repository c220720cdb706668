"""Muon for the matrices of a model's layers, AdamW for everything else.

Muon (Keller Jordan, https://kellerjordan.github.io/posts/muon/; `torch.optim.Muon`) orthogonalises the
momentum of a matrix. A small model trained from scratch needs about half of the steps with it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel


class MuonWithAdamW(torch.optim.Optimizer):
    """Two optimisers that step as one; their parameter groups are shared, so a schedule reaches both.

    matrix_rate: learning rate of Muon; rate: of AdamW, for embeddings, norms and biases.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        rate: float,
        matrix_rate: float,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        vocabulary = [part for part in model.modules() if isinstance(part, nn.Embedding)]
        vocabulary.append(model.get_output_embeddings())
        tables = {id(part.weight) for part in vocabulary}
        trained = [p for p in model.parameters() if p.requires_grad]
        matrices = [p for p in trained if p.ndim == 2 and id(p) not in tables]
        others = [p for p in trained if p.ndim != 2 or id(p) in tables]
        self._parts: list[torch.optim.Optimizer] = [
            torch.optim.Muon(matrices, lr=matrix_rate, weight_decay=weight_decay),
            torch.optim.AdamW(others, lr=rate, betas=betas, weight_decay=weight_decay),
        ]
        super().__init__([group for part in self._parts for group in part.param_groups], {})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step of both."""
        if closure is not None:
            raise ValueError("a closure would be evaluated twice")
        for part in self._parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """The states of both, for a resumed training."""
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore both; loading makes new groups, so they are shared anew."""
        for part, state in zip(self._parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self._parts for group in part.param_groups]
