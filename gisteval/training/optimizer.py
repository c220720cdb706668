"""Muon for the matrices of a model's layers, AdamW for everything else.

Muon (Keller Jordan, https://kellerjordan.github.io/posts/muon/) orthogonalises the momentum of a matrix. A
small model that is trained from scratch needs about half of the steps with it. `torch.optim.Muon` differs
only in its precision: it orthogonalises in bfloat16, which is fifty times slower than float32 on a CPU
without bfloat16 arithmetic.
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
    """Return an approximately orthogonal matrix of the same shape (rows, columns).

    Its singular values are between 0.5 and 1.5. It is found by a Newton-Schulz iteration.
    """
    a, b, c = QUINTIC
    wide = matrix.T if matrix.size(0) > matrix.size(1) else matrix
    wide = wide / wide.norm().clamp(min=1e-7)
    for _ in range(ROUNDS):
        gram = wide @ wide.T
        wide = torch.addmm(wide, torch.addmm(gram, gram, gram, beta=b, alpha=c), wide, beta=a)
    return wide.T if matrix.size(0) > matrix.size(1) else wide


class Muon(torch.optim.Optimizer):
    """Orthogonalised Nesterov momentum with decoupled weight decay, for matrices only."""

    def __init__(self, matrices: list[nn.Parameter], lr: float, weight_decay: float) -> None:
        """Prepare an optimizer of these matrices."""
        super().__init__(matrices, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update all weights that have a gradient."""
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
    """Two optimizers that step together. They share their parameter groups, so a schedule sets both."""

    def __init__(
        self,
        model: PreTrainedModel,
        rate: float,
        matrix_rate: float,
        betas: tuple[float, float],
        weight_decay: float,
    ) -> None:
        """Assign a model's trainable weights to the two optimizers.

        Args:
            model: The model.
            rate: Learning rate of AdamW, which trains embeddings, norms and biases.
            matrix_rate: Learning rate of Muon.
            betas: AdamW's betas.
            weight_decay: Weight decay of both.
        """
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
        """Take one step with both optimizers."""
        if closure is not None:
            raise ValueError("a closure would be evaluated twice")
        for part in self._parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """Return the states of both optimizers, from which a training can be resumed."""
        return {"parts": [part.state_dict() for part in self._parts]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore the states of both optimizers. Loading makes new groups, which are shared again."""
        for part, state in zip(self._parts, state_dict["parts"], strict=True):
            part.load_state_dict(state)
        self.param_groups = [group for part in self._parts for group in part.param_groups]
