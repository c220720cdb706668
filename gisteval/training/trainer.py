"""Hugging Face's Trainer over packed rows: the order of the rows and the loss of a batch."""

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
from gisteval.training.adapters import stock_model
from gisteval.training.rows import IGNORED, TrainingRows

CHANGED_LOGITS = ("final_logit_softcapping", "logit_scale", "logits_scaling", "dim_model_base")
"""Settings by which a decoder scales or caps the logits of its output matrix."""

Loss = Callable[[PreTrainedModel, dict[str, Tensor]], Tensor]
"""Mean loss in nats a target token of a collated batch."""


class EpochSampler(LengthGroupedSampler):  # type: ignore[misc]
    """Samples rows of similar length together, in an order that only seed and epoch decide.

    Without `set_epoch` a resumed training would repeat the first epoch's order.
    """

    def __init__(self, batch_size: int, lengths: list[int], seed: int) -> None:
        """Prepare a sampler of rows with these lengths in tokens."""
        super().__init__(batch_size, lengths=lengths, generator=torch.Generator().manual_seed(seed))
        self.seed = seed

    def set_epoch(self, epoch: int) -> None:
        """Move the generator to its state after `epoch` whole epochs, each of which is one permutation."""
        self.generator.manual_seed(self.seed)
        for _ in range(epoch):
            torch.randperm(len(self.lengths), generator=self.generator)


class RowTrainer(Trainer):  # type: ignore[misc]
    """Hugging Face's Trainer with the loss of the model's architecture.

    Its batches hold rows of similar length, which saves a quarter of the padding.
    """

    def __init__(self, loss: Loss, **options: Any) -> None:
        """Prepare a trainer with this loss and the Trainer's own options."""
        super().__init__(**options)
        self.loss = loss

    def _get_train_sampler(self, train_dataset: TrainingRows | None = None) -> EpochSampler:
        rows = train_dataset or self.train_dataset
        return EpochSampler(self.args.train_batch_size, [len(row) for row in rows.rows], self.args.seed)

    def compute_loss(
        self,
        model: PreTrainedModel,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | None = None,
    ) -> Tensor:
        """Return the mean loss in nats a target token. The Trainer's other arguments are ignored.

        The Trainer sets its precision in the model's own forward pass alone, which a loss may go around.
        """
        with self.accelerator.autocast():
            return self.loss(model, inputs)


def target_loss(model: PreTrainedModel, batch: dict[str, Tensor]) -> Tensor:
    """Return the mean loss of a batch, in nats a target token.

    Logits are computed only for positions that predict a target, about an eighth of all. A model that
    scales or caps its logits is run as a whole.
    """
    stock = stock_model(model)
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
