"""Batches of lm-eval's requests, with one compressed prompt for each distinct compressed part."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gisteval.compressors.base import Compressor
from gisteval.generation.batching import AUTO_BATCH, compress_each, fitting_batches, prompt_windows
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import Accounting, CompressedPrompt, Nothing
from gisteval.models.running.memory import Halving
from gisteval.records.budget import Budget

PLAIN = Nothing(0, Accounting(0, 0, 0, 0))
"""The compressed prompt of a row of which nothing is compressed."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An answer to score.

    Attributes:
        prompt: The part of the context that is compressed, as text. It may be empty.
        input: Token ids of the rest of the context.
        answer: Token ids of the answer.
    """

    prompt: str
    input: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RequestRow:
    """An input that is run once behind a compressed prompt.

    Attributes:
        prompt: The part of the context that is compressed, as text. It may be empty.
        input: Token ids of the rest of the context.
        width: Rows that it takes in the batch, one for each answer.
        room: Most tokens that follow the input.
    """

    prompt: str
    input: tuple[int, ...]
    width: int
    room: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A row of a batch.

    Attributes:
        index: Index of the row among all rows.
        row: The row.
        compressed: Its compressed prompt.
    """

    index: int
    row: RequestRow
    compressed: CompressedPrompt


class Compression:
    """A compressor with its budget, and totals over the distinct prompts that it has compressed."""

    def __init__(self, compressor: Compressor, budget: Budget | None) -> None:
        """Start with no prompts."""
        self.compressor = compressor
        self.budget = budget
        self.halving = Halving()
        self.lengths: dict[str, int] = {}
        self.source_tokens = self.kept = self.prompts = 0

    def measure(self, model: PromptModel, prompt: str) -> int:
        """Return the positions of the context that a prompt takes, gist tokens included, or 0 for ""."""
        if prompt and prompt not in self.lengths:
            # An oracle's prompt takes up the same positions whatever input it sees.
            subject = self.compressor.subject(prompt, ())
            self.lengths[prompt] = self.compressor.positions(model, [subject], self.budget)[0]
        return self.lengths[prompt] if prompt else 0

    def subject(self, row: RequestRow) -> str:
        """What is compressed of a row: its prompt, or "" for nothing; for an oracle with its input."""
        return self.compressor.subject(row.prompt, row.input) if row.prompt else ""

    def apply(self, model: PromptModel, rows: Sequence[RequestRow]) -> dict[str, CompressedPrompt]:
        """Compress the subjects of rows, each once. The compressed form of "" is `PLAIN`."""
        lengths = {self.subject(row): self.measure(model, row.prompt) for row in rows if row.prompt}
        compressed = compress_each(model, self.compressor, self.budget, lengths, self.halving)
        self.prompts += len(compressed)
        self.source_tokens += sum(form.accounting.source_tokens for form in compressed.values())
        self.kept += sum(form.accounting.kept for form in compressed.values())
        return {**compressed, "": PLAIN}


def questions(pieces: Sequence[Piece], limit: int | None) -> tuple[list[RequestRow], list[list[int]]]:
    """Merge pieces that differ only in their answers into rows.

    Args:
        pieces: What to score.
        limit: Most answers of a row, so that its batch can keep the same limit.

    Returns:
        The rows, and for each row the indices of its pieces.
    """
    shared: dict[tuple[str, tuple[int, ...]], list[int]] = {}
    for index, piece in enumerate(pieces):
        shared.setdefault((piece.prompt, piece.input), []).append(index)
    rows, members = [], []
    for (prompt, input_ids), indices in shared.items():
        for start in range(0, len(indices), limit or AUTO_BATCH):
            chosen = indices[start : start + (limit or AUTO_BATCH)]
            longest = max(len(pieces[index].answer) for index in chosen)
            rows.append(RequestRow(prompt, input_ids, len(chosen), longest))
            members.append(chosen)
    return rows, members


def batches(
    model: PromptModel, compression: Compression, rows: Sequence[RequestRow], limit: int | None
) -> Iterator[list[Placed]]:
    """Yield every row once, in batches of similar length.

    Rows with the same prompt follow each other, so that each distinct prompt is compressed once. It is
    kept until its rows have run.

    Args:
        model: The model.
        compression: Compresses the prompts.
        rows: The rows.
        limit: Rows of a batch. None means as many as the cache has room for.

    Yields:
        A batch of rows with their compressed prompts.
    """
    order = sorted(
        range(len(rows)), key=lambda i: (len(rows[i].prompt), rows[i].prompt, len(rows[i].input), i)
    )
    windows = prompt_windows(
        model, order, lambda i: (rows[i].prompt, compression.measure(model, rows[i].prompt))
    )
    for window in windows:
        compressed = compression.apply(model, [rows[i] for i in window])

        def tokens(index: int) -> int:
            return _tokens(model, compression, rows[index])

        # Longest first, as in lm-eval, so that a batch that is too large fails at once.
        window.sort(key=lambda i: (-tokens(i), i))

        def queries(index: int) -> int:
            return len(rows[index].input) + rows[index].room

        for batch in fitting_batches(model, window, tokens, queries, limit, lambda i: rows[i].width):
            yield [Placed(i, rows[i], compressed[compression.subject(rows[i])]) for i in batch]


def _tokens(model: PromptModel, compression: Compression, row: RequestRow) -> int:
    return compression.measure(model, row.prompt) + len(row.input) + row.room
