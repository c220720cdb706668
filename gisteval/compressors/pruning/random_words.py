"""Random words: what any pruning must beat."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from gisteval.compressors.pruning.base import Ranked
from gisteval.compressors.pruning.passage import Part, Passage
from gisteval.models.running.base import PromptModel


@dataclass(frozen=True)
class RandomWords(Ranked):
    """Keeps words or tokens at random, always the same of the same instruction.

    Attributes:
        seed: Another seed draws others.
    """

    name = "random_words"
    seed: int = 0

    def score(self, model: PromptModel, passage: Passage, parts: Sequence[Part]) -> list[float]:
        """Draw from a generator seeded by the text, so that no batch or order changes a word."""
        draw = random.Random(f"{self.seed} {passage.text}")
        return [draw.random() for _ in parts]
