"""The compressor $name: a score for each slot of a prompt."""

from __future__ import annotations

from dataclasses import dataclass

from gisteval.compressors.eviction.base import Eviction
from gisteval.errors import GistevalError
from gisteval.models.running.observe import LayerView
from torch import Tensor


@dataclass(frozen=True)
class $title(Eviction):
    """Keeps the slots whose values have the largest norms. Write your own idea here.

    Attributes:
        sharpness: the order of the norm.
    """

    name = "$name"
    source = "where the idea is from"

    sharpness: float = 2.0

    def __post_init__(self) -> None:
        if self.sharpness <= 0:
            raise GistevalError(f"compressor $name: sharpness must be above 0, not {self.sharpness:g}")

    def score(self, view: LayerView) -> Tensor:
        """A score for each slot, (rows, key-value heads, tokens); the highest are kept."""
        scores: Tensor = view.values.norm(p=self.sharpness, dim=-1)
        return scores
