"""Training batches of an encoder-decoder: encoder and decoder tokens, both masks, and the loss."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from gisteval import masks
from gisteval.masks import CONTINUATION, GIST, PAD, PROMPT, MaskRule
from gisteval.models.running.encoder_decoder import split_forward, start_id
from gisteval.training.adapters import stock_model
from gisteval.training.rows import IGNORED, TrainingRow


@dataclass(frozen=True)
class SourceCollator:
    """Turns rows of one pair each into a batch.

    Attributes:
        rule: The mask of the condition.
        k: Number of gist tokens at the end of each prompt.
        start: Id of the decoder's start token.
    """

    rule: MaskRule
    k: int
    start: int

    def __call__(self, rows: Sequence[TrainingRow]) -> dict[str, Tensor]:
        """Collate rows, padded on the right.

        Returns:
            input_ids (rows, source length), source_mask (rows, 1, source length, source length), which
            is additive, cross_mask (rows, source length), which is True where the decoder may attend, and
            decoder_input_ids and labels (rows, target length).
        """
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
    """Return the collator for a model, with its start token."""
    return SourceCollator(rule, k, start_id(model))


def split_loss(model: PreTrainedModel, batch: dict[str, Tensor]) -> Tensor:
    """Return the mean loss of a batch, in nats a target token."""
    logits = split_forward(
        stock_model(model),
        batch["input_ids"],
        batch["source_mask"],
        batch["cross_mask"],
        batch["decoder_input_ids"],
    )
    return torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), batch["labels"].flatten(), ignore_index=IGNORED
    )
