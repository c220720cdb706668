"""HF's Trainer over packed rows: the order of the rows, and the loss of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel, Trainer
from transformers.trainer_pt_utils import LengthGroupedSampler

from gisteval.models.running.layer_masks import decoder_body, given_mask
from gisteval.models.running.windows import text_config
from gisteval.training.rows import IGNORED, Rows

CHANGED_LOGITS = ("final_logit_softcapping", "logit_scale", "logits_scaling", "dim_model_base")
"""Settings under which a decoder scales or caps what its output matrix gives."""

Loss = Callable[[PreTrainedModel, dict[str, Tensor]], Tensor]
"""Mean loss in nats a target token of a collated batch."""


class EpochSampler(LengthGroupedSampler):  # type: ignore[misc]
    """Rows of similar length together, in an order that seed and epoch alone decide.

    Without `set_epoch` a resumed training would see the first epoch's order again.
    """

    def __init__(self, batch_size: int, lengths: list[int], seed: int) -> None:
        super().__init__(batch_size, lengths=lengths, generator=torch.Generator().manual_seed(seed))
        self.seed = seed

    def set_epoch(self, epoch: int) -> None:
        """Put the generator where it stands after `epoch` whole epochs: one permutation each."""
        self.generator.manual_seed(self.seed)
        for _ in range(epoch):
            torch.randperm(len(self.lengths), generator=self.generator)


class RowTrainer(Trainer):  # type: ignore[misc]
    """HF's Trainer with batches of rows of similar length, which saves a quarter of the padding, and the
    loss of the model's architecture.
    """

    def __init__(self, loss: Loss, **options: Any) -> None:
        super().__init__(**options)
        self.loss = loss

    def _get_train_sampler(self, train_dataset: Rows | None = None) -> EpochSampler:
        rows = train_dataset or self.train_dataset
        return EpochSampler(self.args.train_batch_size, [len(row) for row in rows.rows], self.args.seed)

    def compute_loss(
        self,
        model: PreTrainedModel,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Tensor:
        """Mean loss in nats a target token; the other arguments are the Trainer's, and of no use here."""
        return self.loss(model, inputs)


def target_loss(model: PreTrainedModel, batch: dict[str, Tensor]) -> Tensor:
    """The loss that a stock decoder gives for the batch, from the hidden states that predict a target:
    an eighth of the tokens, and of the logits. One that changes its logits runs whole.
    """
    stock = model.get_base_model() if hasattr(model, "peft_config") else model
    places = batch["position_ids"]
    labels = batch["labels"][:, 1:]
    counted = labels != IGNORED
    whole = any(getattr(text_config(stock.config), name, None) for name in CHANGED_LOGITS)
    with given_mask(stock, batch["attention_mask"], places) as mask:
        output = (stock if whole else decoder_body(stock))(
            input_ids=batch["input_ids"], attention_mask=mask, position_ids=places, use_cache=False
        )
    if whole:
        logits = output.logits[:, :-1][counted]
    else:
        logits = stock.get_output_embeddings()(output.last_hidden_state[:, :-1][counted])
    return functional.cross_entropy(logits.float(), labels[counted])
