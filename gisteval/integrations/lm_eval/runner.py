"""Scores and answers of lm-eval's requests, computed in batches behind compressed prompts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain

import torch
from lm_eval.models.utils import postprocess_generated_text
from tqdm import tqdm

from gisteval.errors import GistevalError
from gisteval.integrations.lm_eval.batches import Compression, Piece, Placed, RequestRow, batches, questions
from gisteval.integrations.lm_eval.decoding import Decoding, StopTexts
from gisteval.models.running.continuation import Continuation, Decoded, Scored
from gisteval.models.running.decoder import DecoderModel

CPU_ROWS = 16
"""Rows that are scored at one time on a CPU by default. More are no faster and exceed its caches."""


class RequestRunner:
    """Runs rows of requests on a model."""

    def __init__(
        self, model: DecoderModel, compression: Compression, limit: int | None, source: str
    ) -> None:
        """Prepare a runner.

        Args:
            model: The model.
            compression: Compresses the prompts.
            limit: Rows of a batch. None means as many as there is room for.
            source: Where the weights are from, for an error message.
        """
        self.model = model
        self.compression = compression
        self.limit = limit
        self.source = source

    def score(self, pieces: Sequence[Piece], quiet: bool) -> list[Scored]:
        """Score the answer of each piece.

        Args:
            pieces: What to score.
            quiet: Whether to show no progress bar.

        Raises:
            GistevalError: A log-likelihood is not finite.
        """
        limit = self.limit or (CPU_ROWS if self.model.device.type == "cpu" else None)
        rows, members = questions(pieces, limit)
        scores: dict[int, Scored] = {}

        def read(batch: list[Placed]) -> list[list[Scored]]:
            return self._read(
                batch, [[pieces[number].answer for number in members[placed.index]] for placed in batch]
            )

        with tqdm(total=len(pieces), desc="loglikelihood", disable=quiet) as bar:
            for batch in batches(self.model, self.compression, rows, limit):
                scored = chain.from_iterable(self.compression.halving.run(read, batch))
                for placed, row_scores in zip(batch, scored, strict=True):
                    scores.update(zip(members[placed.index], row_scores, strict=True))
                    bar.update(len(row_scores))
        if not all(math.isfinite(score.log_likelihood) for score in scores.values()):
            raise self._not_finite()
        return [scores[number] for number in range(len(pieces))]

    def batches(self, rows: Sequence[RequestRow]) -> Iterator[list[Placed]]:
        """Yield every row once, in batches with compressed prompts."""
        return batches(self.model, self.compression, rows, self.limit)

    def generate(self, batch: Sequence[Placed], decoding: Decoding) -> Iterator[str]:
        """Yield the answer of each row of a batch, cut before the first stop text.

        Raises:
            GistevalError: The logits of a row are not finite.
        """
        tokenizer = self.model.tokens.tokenizer
        stop = StopTexts(tokenizer, decoding.until) if decoding.until else None

        def answer(part: list[Placed]) -> list[Decoded]:
            return self._run(part).decode(decoding.max_new_tokens, stop)

        for decoded in chain.from_iterable(self.compression.halving.run(answer, batch)):
            if not decoded.finite:
                raise self._not_finite()
            text = tokenizer.decode(decoded.token_ids, skip_special_tokens=True)
            yield postprocess_generated_text(text, list(decoding.until), None)

    def _read(self, batch: list[Placed], answers: list[list[tuple[int, ...]]]) -> list[list[Scored]]:
        """Score all answers of each row of a batch."""
        flat = [answer for row_answers in answers for answer in row_answers]
        if len(flat) == len(batch):
            prompts = [placed.compressed for placed in batch]
            scored = iter(self.model.scores(prompts, [placed.row.input for placed in batch], flat))
        else:
            running = self._run(batch)
            repeats = [row for row, row_answers in enumerate(answers) for _ in row_answers]
            running.take_rows(torch.tensor(repeats, device=self.model.device))
            scored = iter(running.scores(flat))
        return [[next(scored) for _ in row_answers] for row_answers in answers]

    def _run(self, batch: Sequence[Placed]) -> Continuation:
        return self.model.run(
            [placed.compressed for placed in batch], [placed.row.input for placed in batch]
        )

    def _not_finite(self) -> GistevalError:
        return GistevalError(
            f"{self.source}: the logits are not finite, so the weights are damaged or need another data "
            "type: try dtype=float32"
        )
