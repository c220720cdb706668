"""Slots whose keys differ from the others (arXiv 2504.15364)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from gisteval.compressors.eviction.base import Eviction
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class KeyDiff(Eviction):
    """Keeps the slots whose keys are least similar to the mean direction of all keys.

    Attributes:
        shared: the heads of a layer keep the same slots, those with the best mean score.
    """

    name = "keydiff"
    source = "Park et al. 2025, arXiv 2504.15364"
    shared: bool = False

    def score(self, view: LayerView) -> Tensor:
        """The negative cosine between a key and the mean of the normalised keys, a head."""
        directions = normalize(view.keys.float(), dim=-1)
        real = view.real[:, None, :, None]
        anchor = directions.mul(real).sum(2, keepdim=True) / real.sum(2, keepdim=True)
        scores: Tensor = -cosine_similarity(view.keys.float(), anchor, dim=-1)
        return scores.mean(1, keepdim=True).expand_as(scores) if self.shared else scores
