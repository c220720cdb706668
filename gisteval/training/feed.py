"""How each architecture is fed in training: rows to batches, batches to a loss."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from torch import Tensor
from transformers import PreTrainedModel

from gisteval.masks import MaskRule
from gisteval.models.running.architecture import DECODER, ENCODER_DECODER, Architecture
from gisteval.models.running.windows import text_config
from gisteval.training.encoder_decoder import source_collator, split_loss
from gisteval.training.rows import Collator, Row
from gisteval.training.trainer import Loss, target_loss

Collate = Callable[[Sequence[Row]], dict[str, Tensor]]


@dataclass(frozen=True, slots=True)
class Feed:
    """packs: continuations of one prompt may share a row. collator: made for a rule, k and model."""

    packs: bool
    collator: Callable[[MaskRule, int, PreTrainedModel], Collate]
    loss: Loss


def packed_collator(rule: MaskRule, k: int, model: PreTrainedModel) -> Collator:
    """The collator for a model's number of heads."""
    return Collator(rule, k, text_config(model.config).num_attention_heads)


FEEDS: dict[Architecture, Feed] = {
    DECODER: Feed(True, packed_collator, target_loss),
    # Relative positions count columns, so a second input would stand too far from the prompt.
    ENCODER_DECODER: Feed(False, source_collator, split_loss),
}
