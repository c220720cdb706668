"""More slots for heads with higher scores (arXiv 2407.11550)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from gisteval.compressors.eviction.allocation import Allocation
from gisteval.compressors.eviction.base import Eviction
from gisteval.errors import GistevalError
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class AdaKV(Allocation):
    """Spreads a layer's slots over its heads, by the best scores of all heads together.

    Attributes:
        safeguard: share of the mean that each head keeps in any case, 0 to 1.
    """

    name = "adakv"
    source = "Ada-KV, Feng et al. 2024, arXiv 2407.11550"
    safeguard: float = 0.2

    def __post_init__(self) -> None:
        """Check the setting and the evictor."""
        super().__post_init__()
        if not 0 <= self.safeguard <= 1:
            raise GistevalError(f"compressor {self.name}: safeguard must be 0 to 1, not {self.safeguard:g}")

    def allocate(
        self, evictor: Eviction, view: LayerView, counts: Sequence[int], layers: int
    ) -> list[Tensor]:
        """How many slots a head keeps is decided together, which ones by the evictor, a head."""
        return [
            self._of_row(evictor, scores, count)
            for scores, count in zip(evictor.scores(view), counts, strict=True)
        ]

    def _of_row(self, evictor: Eviction, scores: Tensor, mean: int) -> Tensor:
        counts = self.head_slots(scores, mean)
        chosen = [
            evictor.choose(scores[head : head + 1], count) for head, count in enumerate(counts.tolist())
        ]
        width = int(counts.max())
        return torch.cat([pad(indices, (width - indices.shape[1], 0), value=-1) for indices in chosen])

    def head_slots(self, scores: Tensor, mean: int) -> Tensor:
        """Slots of each head, `mean` on average.

        Args:
            scores: (kv heads, tokens) of a row's own tokens.
            mean: a head.

        Returns:
            (kv heads,) counts. Of equal scores those of earlier tokens count first, over all heads, so that
            where scores don't differ, heads don't either.
        """
        heads = scores.shape[0]
        ranks = scores.float().sort(dim=1, descending=True, stable=True).indices
        safe = ranks[:, : int(self.safeguard * mean)]
        raised = scores.float().scatter(1, safe, float("inf"))
        best = raised.T.flatten().sort(descending=True, stable=True).indices[: mean * heads]
        return torch.bincount(best % heads, minlength=heads)
