"""What decoding chose, and the logits that it chose from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from gisteval.generation.selfcheck.passes import Reading, reading
from gisteval.models.running.base import PromptModel
from gisteval.models.running.continuation import Continuation, Decoded


class DecodedPath:
    """Greedy answers of a batch, decoded as a run does, with the logits of each step.

    Attributes:
        answers: The answers as `decode` gives them.
        fed: Of each row, the tokens that an uncached pass is given to see the same logits.
    """

    def __init__(self, model: PromptModel, batch: Continuation, limit: int) -> None:
        """Decode the batch, which can't be used again after that."""
        self._model, self._limit = model, limit
        self._steps: list[list[Reading]] = [[] for _ in range(batch.rows)]
        batch.watch = self._watch
        self.answers: list[Decoded] = batch.decode(limit)
        # What stands behind the last token of a full context, or of a row cut by the limit, is never asked.
        self.fed = [
            list(answer.token_ids if answer.finished else answer.token_ids[:-1]) for answer in self.answers
        ]

    def _watch(self, rows: Tensor, logits: Tensor) -> None:
        for row, line in zip(rows.tolist(), logits, strict=True):
            self._steps[row].append(reading(self._model, line[None], ()))

    def distance(self, row: int, uncached: Reading) -> Tensor:
        """(positions,) nats between the logits that a row was chosen from and those of an uncached pass."""
        steps = [step.logs for step in self._steps[row]]
        if not steps:
            return torch.full((1,), torch.inf)
        return Reading(torch.cat(steps), torch.empty(0), ()).distance(uncached)

    def is_own_choice(self, row: int, taken: int) -> bool:
        """True if the row's tokens are those with the largest logits, and it ends where it should.

        There is no tie: these are the very numbers that the tokens were chosen from.

        Args:
            row: The row's index.
            taken: Tokens before the answer.
        """
        answer = self.answers[row]
        cut = len(answer.token_ids) >= self._limit or taken + len(answer.token_ids) > self._model.context
        best = [token for step in self._steps[row] for token in step.best]
        return (answer.finished or cut) and self._is_greedy(answer, best)

    def is_choice_of(self, row: int, uncached: Reading) -> bool:
        """True if the uncached pass chooses the same tokens."""
        return self._is_greedy(self.answers[row], uncached.best)

    def _is_greedy(self, answer: Decoded, best: Sequence[int]) -> bool:
        count = len(answer.token_ids)
        if len(best) < count + answer.finished or tuple(best[:count]) != answer.token_ids:
            return False
        return not self._model.end_ids & set(best[:count]) and (
            not answer.finished or best[count] in self._model.end_ids
        )
