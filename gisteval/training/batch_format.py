"""The format of each architecture's training batches: rows to batches, and batches to a loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor
from transformers import PreTrainedModel

from gisteval.masks import MaskRule
from gisteval.models.running.architecture import DECODER, ENCODER_DECODER, Architecture
from gisteval.models.running.windows import text_config
from gisteval.training.encoder_decoder import source_collator, split_loss
from gisteval.training.rows import Collator, TrainingRow
from gisteval.training.trainer import Loss, target_loss

Collate = Callable[[Sequence[TrainingRow]], dict[str, Tensor]]


@dataclass(frozen=True, slots=True)
class BatchFormat:
    """How an architecture is trained.

    Attributes:
        packs: Whether several continuations of one prompt may share a row.
        collator: Makes the collator for a mask rule, k and a model.
        loss: Mean loss of a batch.
    """

    packs: bool
    collator: Callable[[MaskRule, int, PreTrainedModel], Collate]
    loss: Loss


def packed_collator(rule: MaskRule, k: int, model: PreTrainedModel) -> Collator:
    """Return the collator for a decoder-only model, with its number of heads."""
    return Collator(rule, k, text_config(model.config).num_attention_heads)


BATCH_FORMATS: dict[Architecture, BatchFormat] = {
    DECODER: BatchFormat(True, packed_collator, target_loss),
    # Relative positions count columns, so a second input would be too far from the prompt.
    ENCODER_DECODER: BatchFormat(False, source_collator, split_loss),
}
