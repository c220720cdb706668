"""Which columns of a decoder's cache hold a token, and at which position it stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from gisteval.models.running.compressed import Nothing, Prefix


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of a batch's cache: [left-padded slots of the prompts | what was run behind them].

    Attributes:
        present: (rows, columns) bool, False for padding.
        positions: (rows, columns) position ids; of no meaning where `by_layer` says more.
        by_layer: a layer's positions, (rows, kv heads, columns), where heads hold different tokens, and -1
            where a head holds none; None if all layers and heads hold the same ones.
        is_ragged: some heads hold fewer tokens than others.
    """

    present: Tensor
    positions: Tensor
    by_layer: tuple[Tensor, ...] | None = None
    is_ragged: bool = False

    @classmethod
    def of(cls, prompts: Sequence[Prefix | Nothing], width: int, device: torch.device) -> Columns:
        """Those of the slots of some prompts, a row each, padded on the left to `width`."""
        slots = torch.tensor([p.slots if isinstance(p, Prefix) else 0 for p in prompts], device=device)
        starts = torch.tensor([p.next_position for p in prompts], device=device)
        before = torch.arange(width, device=device)[None, :] - width
        present = before >= -slots[:, None]
        positions = (before + starts[:, None]).clamp(min=0)
        chosen = next((p for p in prompts if isinstance(p, Prefix) and p.kept is not None), None)
        if chosen is None:
            return cls(present, positions)
        by_layer = []
        for layer, (keys, _) in enumerate(chosen.layers):
            padded = torch.zeros(len(prompts), keys.shape[0], width, dtype=torch.long, device=device)
            for row, prompt in enumerate(prompts):
                if isinstance(prompt, Prefix) and prompt.slots:
                    padded[row, :, width - prompt.slots :] = prompt.positions(layer)
            by_layer.append(padded)
        is_ragged = any(bool((layer < 0).any()) for layer in by_layer)
        return cls(present, positions, tuple(by_layer), is_ragged)

    @property
    def count(self) -> int:
        """Columns so far."""
        return self.present.shape[1]

    def at_layer(self, layer: int) -> Tensor:
        """A layer's positions, (rows, columns) or (rows, kv heads, columns)."""
        return self.positions if self.by_layer is None else self.by_layer[layer]

    def followed_by(self, real: Tensor, positions: Tensor) -> Columns:
        """These and more columns behind them; both tensors are (rows, columns)."""
        behind = positions[:, None]
        by_layer = self.by_layer and tuple(
            torch.cat([layer, behind.expand(-1, layer.shape[1], -1)], dim=2) for layer in self.by_layer
        )
        return Columns(
            torch.cat([self.present, real], dim=1),
            torch.cat([self.positions, positions], dim=1),
            by_layer,
            self.is_ragged,
        )

    def first(self, count: int) -> Columns:
        """The first `count` columns."""
        by_layer = self.by_layer and tuple(layer[:, :, :count] for layer in self.by_layer)
        return Columns(self.present[:, :count], self.positions[:, :count], by_layer, self.is_ragged)

    def of_rows(self, rows: Tensor) -> Columns:
        """These rows of the batch, a 1D index tensor."""
        by_layer = self.by_layer and tuple(layer[rows] for layer in self.by_layer)
        return replace(self, present=self.present[rows], positions=self.positions[rows], by_layer=by_layer)
