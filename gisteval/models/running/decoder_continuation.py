"""Inputs and answers of a decoder-only model, running behind the slots of their prompts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gisteval.models.running.cache import ROOM
from gisteval.models.running.compressed import Nothing, Prefix
from gisteval.models.running.continuation import Continuation
from gisteval.models.running.padding import pad_left, positions

if TYPE_CHECKING:
    from gisteval.models.running.decoder import DecoderModel


class DecoderContinuation(Continuation):
    """Columns of the cache: [left-padded prefix | left-padded input | what follows].

    Every row keeps its own positions: its input starts at its prompt's `next_position`, wherever the
    padding ends.
    """

    model: DecoderModel

    @torch.inference_mode()
    def __init__(
        self,
        model: DecoderModel,
        prompts: Sequence[Prefix | Nothing],
        continuations: Sequence[Sequence[int]],
        keep: int = 1,
    ) -> None:
        """keep: columns of the prefill whose logits are wanted, as `last_columns`."""
        device = model.device
        # The input fits without a copy of the cache, and so does the beginning of what follows.
        cache, self.columns = model.start(prompts, max(map(len, continuations)) + ROOM)
        ids, real = pad_left(continuations, device)
        starts = torch.tensor([p.next_position for p in prompts], device=device)
        lengths = torch.tensor([len(c) for c in continuations], device=device)
        super().__init__(model, cache, starts + lengths)
        self.last_columns = self._forward(ids, real, positions(real, starts), keep)
        self.last_logits = self.last_columns[:, -1]

    def rewind(self, length: int) -> None:
        """Forget every column from `length` on."""
        super().rewind(length)
        self.columns = self.columns.first(length)

    def keep_rows(self, rows: Tensor) -> None:
        """Drop all rows but these."""
        super().keep_rows(rows)
        self.columns = self.columns.of_rows(rows)

    def _forward(self, ids: Tensor, real: Tensor, position_ids: Tensor, keep: int) -> Tensor:
        self.columns = self.columns.followed_by(real, position_ids)
        few = {"logits_to_keep": keep} if self.model.takes_keep else {}
        with self.model.masked(self.columns, position_ids) as additive:
            output = self.model.model(
                input_ids=ids,
                attention_mask=additive,
                position_ids=position_ids,
                past_key_values=self.cache,
                use_cache=True,
                **few,
            )
        logits: Tensor = output.logits[:, -keep:]
        return logits.float()
