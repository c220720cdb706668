"""A batch of inputs running behind compressed prompts: one prefill for both the loss and the decoding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gisteval import masks
from gisteval.models.cache import GrowingCache
from gisteval.models.compressed import Nothing, Prefix
from gisteval.models.padding import pad_left, positions

if TYPE_CHECKING:
    from gisteval.models.decoder import DecoderModel

LOGIT_BYTES = 256 * 2**20
"""Scoring runs over the target in pieces whose logits take at most this much memory."""

SHRINK_AT = 0.85
"""Finished rows leave the batch once the running ones are at most this share of it."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Greedy tokens without the end token; finished is False when a length limit stopped the row."""

    token_ids: tuple[int, ...]
    finished: bool


class Continuation:
    """Rows of input tokens prefilled behind their prompts.

    Columns of the cache: [left-padded prefix | left-padded input | what follows]. Every row keeps its
    own positions: its input starts at its prompt's `next_position`, wherever the padding ends.
    """

    @torch.inference_mode()
    def __init__(
        self,
        model: DecoderModel,
        prompts: Sequence[Prefix | Nothing],
        continuations: Sequence[Sequence[int]],
    ) -> None:
        self.model = model
        device = model.device
        states = model.initial_states(prompts)
        self.cache = GrowingCache.from_states(states) if states else GrowingCache(model.num_layers)
        width = states[0][0].shape[2] if states else 0
        slots = torch.tensor([p.slots if isinstance(p, Prefix) else 0 for p in prompts])
        prefix_present = torch.arange(width)[None, :] >= width - slots[:, None]
        ids, present = pad_left(continuations, device)
        self.present = torch.cat([prefix_present.to(device), present], dim=1)
        starts = torch.tensor([p.next_position for p in prompts], device=device)
        lengths = torch.tensor([len(c) for c in continuations], device=device)
        self.next_position = starts + lengths
        self.last_logits = self._forward(ids, self.present, positions(present, starts), keep=1)[:, -1]

    @property
    def rows(self) -> int:
        """Rows in the batch."""
        return int(self.present.shape[0])

    @torch.inference_mode()
    def nll(self, targets: Sequence[Sequence[int]]) -> list[Tensor]:
        """Negative log-likelihood (nats) of each row's target tokens, as float32 on the CPU.

        Runs the targets behind the inputs and then forgets them, so that decoding can follow.
        """
        base = self.cache.length
        width = max(len(target) for target in targets)
        ids = torch.zeros(self.rows, width, dtype=torch.long)
        for row, target in enumerate(targets):
            ids[row, : len(target)] = torch.tensor(target)
        ids = ids.to(self.model.device)
        losses = [_losses(self.last_logits[:, None], ids[:, :1])]
        piece = max(1, LOGIT_BYTES // (4 * self.rows * self.last_logits.shape[-1]))
        present = self.present
        for start in range(0, width - 1, piece):
            inputs = ids[:, start : min(start + piece, width - 1)]
            count = inputs.shape[1]
            present = torch.cat([present, present.new_ones(self.rows, count)], dim=1)
            place = self.next_position[:, None] + torch.arange(start, start + count, device=ids.device)
            # Columns past a shorter target are computed and dropped: their positions must stay legal.
            logits = self._forward(inputs, present, place.clamp(max=self.model.context - 1), keep=0)
            losses.append(_losses(logits, ids[:, start + 1 : start + 1 + count]))
        self.cache.rewind(base)
        table = torch.cat(losses, dim=1).cpu()
        return [table[row, : len(target)].clone() for row, target in enumerate(targets)]

    @torch.inference_mode()
    def decode(self, max_new_tokens: int) -> list[Decoded]:
        """Greedy decoding; ends this object's use, since finished rows leave the cache."""
        device = self.model.device
        ends = torch.tensor(sorted(self.model.end_ids), device=device)
        produced: list[list[int]] = [[] for _ in range(self.rows)]
        finished = [False] * len(produced)
        rows = torch.arange(self.rows, device=device)
        alive = torch.ones(self.rows, dtype=torch.bool, device=device)
        position, logits = self.next_position, self.last_logits
        for step in range(max_new_tokens):
            logits[:, self.model.suppressed_ids] = -torch.inf
            chosen = logits.argmax(-1)
            ended = torch.isin(chosen, ends)
            for row, token, end, running in zip(
                rows.tolist(), chosen.tolist(), ended.tolist(), alive.tolist(), strict=True
            ):
                if running and end:
                    finished[row] = True
                elif running:
                    produced[row].append(token)
            alive &= ~ended & (position < self.model.context)
            running = int(alive.sum())
            if running == 0 or step + 1 == max_new_tokens:
                break
            if running <= SHRINK_AT * len(alive):
                kept = alive.nonzero()[:, 0]
                self.cache.keep_rows(kept)
                self.present = self.present[kept]
                rows, position, chosen, alive = (
                    rows[kept],
                    position[kept],
                    chosen[kept],
                    alive[kept],
                )
            self.present = torch.cat([self.present, alive[:, None]], dim=1)
            place = position.clamp(max=self.model.context - 1)[:, None]
            logits = self._forward(chosen[:, None], self.present, place, keep=1)[:, -1]
            position = position + 1
        return [Decoded(tuple(ids), done) for ids, done in zip(produced, finished, strict=True)]

    def _forward(self, ids: Tensor, present: Tensor, position_ids: Tensor, keep: int) -> Tensor:
        """Logits of the last `keep` columns (0: all), float32; the cache grows by ids.shape[1]."""
        mask = masks.prefill_mask(present, ids.shape[1])
        output = self.model.model(
            input_ids=ids,
            attention_mask=masks.additive(mask, self.model.dtype)[:, None],
            position_ids=position_ids,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=keep,
        )
        logits: Tensor = output.logits
        return logits.float()


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    """(rows, columns, vocabulary), (rows, columns) -> nats, (rows, columns)."""
    return torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
