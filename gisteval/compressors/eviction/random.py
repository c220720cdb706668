"""Random slots: what any evictor must beat."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor

from gisteval.compressors.eviction.base import Eviction
from gisteval.models.running.observe import LayerView


@dataclass(frozen=True)
class RandomEviction(Eviction):
    """Keeps slots at random, others in each layer and head, always the same of the same prompt.

    Attributes:
        seed: another seed draws other slots.
    """

    name = "random"
    seed: int = 0

    def score(self, view: LayerView) -> Tensor:
        """Draw from generators seeded by the prompt's tokens, so that no batch or order changes a slot."""
        heads, width = view.keys.shape[1:3]
        scores = torch.zeros(len(view.prompts), heads, width, device=view.keys.device)
        for row, prompt in enumerate(view.prompts):
            content = f"{self.seed} {view.layer} {' '.join(map(str, prompt))}"
            digest = hashlib.sha256(content.encode()).digest()
            generator = torch.Generator().manual_seed(int.from_bytes(digest[:7]))
            scores[row, :, width - len(prompt) :] = torch.rand(heads, len(prompt), generator=generator)
        return scores
