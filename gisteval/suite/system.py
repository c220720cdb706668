"""One row of the result: a checkpoint read through a compressor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from gisteval.compressors.base import Compressor
from gisteval.compressors.spec import build_compressor
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.records.budget import Budget
from gisteval.records.schema import Condition, Control

Role = Literal["candidate", "positive", "negative"]


@dataclass(frozen=True, slots=True)
class System:
    """A checkpoint read through a compressor.

    Attributes:
        name: Unique in a run.
        checkpoint: Its weights.
        role: What it is there for.
        condition: How the checkpoint is read here; None for a compressor that needs no training.
        control: Whether a control was trained that way.
        compressor: The canonical text of its spec.
        budget: What to keep, None for the compressor's own choice.
    """

    name: str
    checkpoint: Checkpoint
    role: Role
    condition: Condition | None
    control: Control | None
    compressor: str
    budget: Budget | None = None

    def method(self) -> Compressor:
        """The compressor itself."""
        return build_compressor(self.compressor)

    @property
    def k(self) -> int:
        """Gist tokens that it reads; a compressor that needs no training counts none."""
        trained_free = self.role == "candidate" and self.method().reads == "full"
        return 0 if trained_free else self.checkpoint.record.k
