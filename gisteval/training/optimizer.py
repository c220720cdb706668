"""Muon for the matrices of a model's layers, AdamW for everything else.

Muon (Keller Jordan, https://kellerjordan.github.io/posts/muon/) orthogonalises the momentum of a matrix. A
small model trained from scratch needs about half of the steps with it. `torch.optim.Muon` is the same but
for its precision: it orthogonalises in bfloat16, which a CPU without bfloat16 arithmetic does fifty times
slower than in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

MOMENTUM = 0.95
ROUNDS = 5
QUINTIC = (3.4445, -4.7750, 2.0315)
"""Coefficients of the Newton-Schulz iteration in Jordan's post."""


def orthogonalised(matrix: Tensor) -> Tensor:
    """The nearest matrix (rows, columns) with singular values around one, between 0.5 and 1.5."""
    a, b, c = QUINTIC
    wide = matrix.T if matrix.size(0) > matrix.size(1) else matrix
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(ROUNDS):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide.T if matrix.size(0) > matrix.size(1) else wide


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised, with Nesterov's look ahead and decoupled weight decay; matrices only."""

    def __init__(self, matrices: list[nn.Parameter], lr: float, weight_decay: float) -> None:
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """One step; a weight without a gradient stays."""
        if closure is not None:
            raise ValueError("a closure is not supported")
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                momentum.lerp_(weight.grad, 1 - MOMENTUM)
                update = orthogonalised(weight.grad.lerp(momentum, MOMENTUM))
                rate = group["lr"]
                weight.mul_(1 - rate * group["weight_decay"])
                weight.add_(update, alpha=-rate * math.sqrt(max(1, weight.size(0) / weight.size(1))))


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
            Muon(matrices, lr=matrix_rate, weight_decay=weight_decay),
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
