"""Training rows of an encoder-decoder: what its encoder reads, what its decoder answers, both masks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from gisteval import masks
from gisteval.masks import CONTINUATION, GIST, PAD, PROMPT, MaskRule
from gisteval.models.running.encoder_decoder import split_forward, start_id
from gisteval.training.rows import IGNORED, Row


@dataclass(frozen=True)
class SourceCollator:
    """Rows of one pair each -> encoder ids with both masks, decoder ids and labels."""

    rule: MaskRule
    k: int
    start: int

    def __call__(self, rows: Sequence[Row]) -> dict[str, Tensor]:
        """Pads on the right. source_mask is additive, cross_mask True where the decoder may look."""
        size = (len(rows), max(len(row.prompt) + len(row.pairs[0][0]) for row in rows))
        answers = (len(rows), max(len(row.pairs[0][1]) for row in rows))
        ids, roles = torch.zeros(size, dtype=torch.long), torch.full(size, PAD)
        decoder_ids, labels = torch.full(answers, self.start), torch.full(answers, IGNORED)
        for index, row in enumerate(rows):
            ((x, y),) = row.pairs
            end = len(row.prompt)
            ids[index, : end + len(x)] = torch.tensor(row.prompt + x)
            roles[index, : end - self.k] = PROMPT
            roles[index, end - self.k : end] = GIST
            roles[index, end : end + len(x)] = CONTINUATION
            decoder_ids[index, 1 : len(y)] = torch.tensor(y[:-1])
            labels[index, : len(y)] = torch.tensor(y)
        source = masks.additive(masks.source_visibility(roles, self.rule), torch.float32)
        return {
            "input_ids": ids,
            "source_mask": source[:, None],
            "cross_mask": masks.prompt_visible(roles, self.rule),
            "decoder_input_ids": decoder_ids,
            "labels": labels,
        }


def source_collator(rule: MaskRule, k: int, model: PreTrainedModel) -> SourceCollator:
    """The collator for a model's own start token."""
    return SourceCollator(rule, k, start_id(model))


def split_loss(model: PreTrainedModel, batch: dict[str, Tensor]) -> Tensor:
    """Mean loss in nats over the answer tokens of a batch."""
    logits = split_forward(
        model, batch["input_ids"], batch["source_mask"], batch["cross_mask"], batch["decoder_input_ids"]
    )
    return torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED
    )
