"""A batch of inputs running behind compressed prompts: one prefill for both the loss and the decoding."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gisteval.models.running.cache import GrowingCache
from gisteval.models.running.padding import pad_left

if TYPE_CHECKING:
    from gisteval.models.running.base import PromptModel

Pick = Callable[[Tensor, Tensor, int], Tensor]
"""Chooses next tokens: from the rows' numbers at the start, (rows,), their logits, (rows, vocabulary), and
the number of the step, to token ids, (rows,)."""

LOGIT_BYTES = 256 * 2**20
"""Scoring runs over the target in pieces whose logits take at most this much memory."""

LARGE_VOCABULARY = 2**14
"""Tokens from which a loss is summed along the last dimension."""

SHRINK_AT = 0.85
"""Finished rows leave the batch once the running ones are at most this share of it."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Tokens without the end token; finished is False when a length limit stopped the row.

    finite: False if a token was chosen among logits that are not all numbers, so it means nothing.
    """

    token_ids: tuple[int, ...]
    finished: bool
    finite: bool = True


def greedy(rows: Tensor, logits: Tensor, step: int) -> Tensor:
    """The most likely token of each row; a NaN counts as such. See `Pick`."""
    return logits.argmax(-1)


@dataclass(frozen=True, slots=True)
class Scored:
    """A target read behind a row. log_likelihood: its tokens' sum, in nats.

    is_greedy: greedy decoding, were nothing suppressed, would have produced these very tokens.
    """

    log_likelihood: float
    is_greedy: bool


class Continuation(ABC):
    """Rows prefilled behind their prompts, about to answer.

    next_position: (rows,) position of the next token; last_logits: (rows, vocabulary), of that token.
    watch: called at each step of `decode` with the rows (their numbers at the start) and the logits,
    (rows, vocabulary), that their next tokens are chosen from. It must copy what it keeps.
    """

    watch: Callable[[Tensor, Tensor], None] | None = None

    def __init__(self, model: PromptModel, cache: GrowingCache, next_position: Tensor) -> None:
        """cache: of the answers' own states, and of whatever stands before them in the same layers."""
        self.model = model
        self.cache = cache
        self.next_position = next_position
        self.last_logits: Tensor

    @property
    def rows(self) -> int:
        """Rows in the batch."""
        return int(self.next_position.shape[0])

    @torch.inference_mode()
    def nll(self, targets: Sequence[Sequence[int]]) -> list[Tensor]:
        """Negative log-likelihood (nats) of each row's target tokens, as float32 on the CPU.

        Runs the targets behind the inputs and then forgets them, so that decoding can follow.
        """
        table = torch.cat([_losses(logits, ids) for logits, ids in self.read(targets)], dim=1).cpu()
        return [table[row, : len(target)].clone() for row, target in enumerate(targets)]

    @torch.inference_mode()
    def scores(self, targets: Sequence[Sequence[int]]) -> list[Scored]:
        """Like `nll`, summed, and whether each target is what greedy decoding gives."""
        losses, hits = [], []
        for logits, ids in self.read(targets):
            losses.append(_losses(logits, ids))
            hits.append(logits.argmax(-1) == ids)
        lengths = torch.tensor([len(target) for target in targets])[:, None]
        table, greedy = torch.cat(losses, dim=1).cpu(), torch.cat(hits, dim=1).cpu()
        return _sums(table, greedy, torch.arange(table.shape[1]) < lengths)

    def read(self, targets: Sequence[Sequence[int]]) -> Iterator[tuple[Tensor, Tensor]]:
        """Logits (rows, columns, vocabulary) and the target ids that they predict, piece by piece."""
        base = self.cache.length
        width = max(len(target) for target in targets)
        ids = torch.zeros(self.rows, width, dtype=torch.long)
        for row, target in enumerate(targets):
            ids[row, : len(target)] = torch.tensor(target)
        ids = ids.to(self.model.device)
        yield self.last_logits[:, None], ids[:, :1]
        piece = max(1, LOGIT_BYTES // (4 * self.rows * self.last_logits.shape[-1]))
        for start in range(0, width - 1, piece):
            inputs = ids[:, start : min(start + piece, width - 1)]
            count = inputs.shape[1]
            real = torch.ones(self.rows, count, dtype=torch.bool, device=ids.device)
            place = self.next_position[:, None] + torch.arange(start, start + count, device=ids.device)
            # Columns past a shorter target are computed and dropped: their positions must stay legal.
            logits = self._forward(inputs, real, place.clamp(max=self.model.context - 1), keep=0)
            yield logits, ids[:, start + 1 : start + 1 + count]
        self.rewind(base)

    @torch.inference_mode()
    def decode(
        self,
        max_new_tokens: int,
        stop: Callable[[Sequence[int]], bool] | None = None,
        pick: Pick = greedy,
    ) -> list[Decoded]:
        """Decoding; ends this object's use, since finished rows leave the cache.

        Args:
            max_new_tokens: The longest answer, in tokens.
            stop: Whether the tokens of a row so far are enough; those that made it say so are kept.
            pick: Chooses the tokens. Where a logit is NaN it must choose that one, as greedy decoding does.
        """
        device = self.model.device
        ends = torch.tensor(sorted(self.model.end_ids), device=device)
        produced: list[list[int]] = [[] for _ in range(self.rows)]
        finished = [False] * len(produced)
        finite = [True] * len(produced)
        rows = torch.arange(self.rows, device=device)
        alive = torch.ones(self.rows, dtype=torch.bool, device=device)
        position, logits = self.next_position, self.last_logits
        for step in range(max_new_tokens):
            if self.watch is not None:
                self.watch(rows, logits)
            logits[:, self.model.suppressed_ids] = -torch.inf
            chosen = pick(rows, logits, step)
            sound = logits.gather(-1, chosen[:, None])[:, 0].isfinite()
            ended = torch.isin(chosen, ends)
            for row, token, end, running, well in zip(
                *(part.tolist() for part in (rows, chosen, ended, alive, sound)), strict=True
            ):
                if running:
                    finite[row] &= well
                if running and end:
                    finished[row] = True
                elif running:
                    produced[row].append(token)
                    finished[row] = stop is not None and stop(produced[row])
            done = torch.tensor([finished[row] for row in rows.tolist()], device=device)
            alive &= sound & ~done & (position < self.model.context)
            running = int(alive.sum())
            if running == 0 or step + 1 == max_new_tokens:
                break
            if running <= SHRINK_AT * len(alive):
                kept = alive.nonzero()[:, 0]
                self.keep_rows(kept)
                rows, position, chosen, alive = (
                    rows[kept],
                    position[kept],
                    chosen[kept],
                    alive[kept],
                )
            place = position.clamp(max=self.model.context - 1)[:, None]
            logits = self._forward(chosen[:, None], alive[:, None], place, keep=1)[:, -1]
            position = position + 1
        return [Decoded(tuple(ids), *ends) for ids, *ends in zip(produced, finished, finite, strict=True)]

    def rewind(self, length: int) -> None:
        """Forget every column from `length` on."""
        self.cache.rewind(length)

    def keep_rows(self, rows: Tensor) -> None:
        """Drop all rows but these (a 1D index tensor)."""
        self.cache.keep_rows(rows)

    def take_rows(self, rows: Tensor) -> None:
        """Go on with these rows (a 1D index tensor), in this order; one may be taken several times."""
        self.keep_rows(rows)
        self.next_position, self.last_logits = self.next_position[rows], self.last_logits[rows]

    @abstractmethod
    def _forward(self, ids: Tensor, real: Tensor, position_ids: Tensor, keep: int) -> Tensor:
        """Append columns and return the logits of the last `keep` of them (0: all), float32.

        real: (rows, columns) bool, False where a row has no token; position_ids likewise.
        """


def scores_at_the_end(logits: Tensor, targets: Sequence[Sequence[int]]) -> list[Scored]:
    """What `Continuation.scores` gives, of targets read in the pass of their inputs.

    logits: (rows, columns, vocabulary) whose last column predicts every target's last token.
    """
    ids, real = pad_left(targets, logits.device)
    columns = logits[:, -ids.shape[1] :]
    return _sums(_losses(columns, ids).cpu(), (columns.argmax(-1) == ids).cpu(), real.cpu())


def _sums(losses: Tensor, hits: Tensor, real: Tensor) -> list[Scored]:
    """Rows' sums over their real columns; all tensors are (rows, columns), on the CPU."""
    totals = losses.double().masked_fill(~real, 0.0).sum(dim=1)
    return [
        Scored(-total, greedy)
        for total, greedy in zip(totals.tolist(), (hits | ~real).all(dim=1).tolist(), strict=True)
    ]


def _losses(logits: Tensor, targets: Tensor) -> Tensor:
    """(rows, columns, vocabulary), (rows, columns) -> nats, (rows, columns).

    A large vocabulary stays the last dimension: along another one torch sums it in float32 one by one,
    which is off by 1e-4 nats. A small one is off by 5e-6 at most, and keeps the sum of older records.
    """
    if logits.shape[-1] < LARGE_VOCABULARY:
        return torch.nn.functional.cross_entropy(logits.transpose(1, 2), targets, reduction="none")
    flat = torch.nn.functional.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none")
    return flat.view(targets.shape)
