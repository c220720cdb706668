"""lm-eval's requests as rows behind compressed prompts: one prefix for each distinct compressed part."""

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
"""What stands before a row of which nothing is compressed."""


@dataclass(frozen=True, slots=True)
class Piece:
    """An answer to score behind an input, as tokens, behind a compressed part. An empty prompt is none."""

    prompt: str
    input: tuple[int, ...]
    answer: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class RequestRow:
    """What is run once: an input behind a compressed part. An empty prompt is none.

    width: rows of the batch that it becomes; room: tokens that may follow the input.
    """

    prompt: str
    input: tuple[int, ...]
    width: int
    room: int


@dataclass(frozen=True, slots=True)
class Placed:
    """A row, by its index, with its prompt's compressed form."""

    index: int
    row: RequestRow
    compressed: CompressedPrompt


class Compression:
    """A compressor with its budget, and what it has done to the distinct prompts so far."""

    def __init__(self, compressor: Compressor, budget: Budget | None) -> None:
        self.compressor = compressor
        self.budget = budget
        self.halving = Halving()
        self.lengths: dict[str, int] = {}
        self.source_tokens = self.kept = self.prompts = 0

    def measure(self, model: PromptModel, prompt: str) -> int:
        """How much of the context a prompt takes up, gist tokens included; 0 for none."""
        if prompt and prompt not in self.lengths:
            self.lengths[prompt] = self.compressor.positions(model, [prompt], self.budget)[0]
        return self.lengths[prompt] if prompt else 0

    def apply(self, model: PromptModel, prompts: Sequence[str]) -> dict[str, CompressedPrompt]:
        """The compressed forms; the empty prompt's is none."""
        lengths = {prompt: self.measure(model, prompt) for prompt in prompts if prompt}
        found = compress_each(model, self.compressor, self.budget, lengths, self.halving)
        self.prompts += len(found)
        self.source_tokens += sum(form.accounting.source_tokens for form in found.values())
        self.kept += sum(form.accounting.kept for form in found.values())
        return {**found, "": PLAIN}


def questions(pieces: Sequence[Piece], limit: int | None) -> tuple[list[RequestRow], list[list[int]]]:
    """Pieces that differ in their answers only, as one row; and by row the indices of its pieces.

    limit: answers of a row, so that its batch can keep to its own limit.
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
    """Every row once, in batches of similar length, with its compressed prompt.

    limit: rows of a batch, or None for as many as the cache has room for. Rows of one prompt stand
    together, so that each distinct prompt is compressed once; prompts are kept as long as their rows run.
    """
    order = sorted(
        range(len(rows)), key=lambda i: (len(rows[i].prompt), rows[i].prompt, len(rows[i].input), i)
    )
    windows = prompt_windows(
        model, order, lambda i: (rows[i].prompt, compression.measure(model, rows[i].prompt))
    )
    for window in windows:
        compressed = compression.apply(model, list(dict.fromkeys(rows[i].prompt for i in window)))

        def tokens(index: int) -> int:
            return _tokens(model, compression, rows[index])

        # Longest first, as lm-eval does: a batch that is too large shows at once.
        window.sort(key=lambda i: (-tokens(i), i))

        def queries(index: int) -> int:
            return len(rows[index].input) + rows[index].room

        for batch in fitting_batches(model, window, tokens, queries, limit, lambda i: rows[i].width):
            yield [Placed(index, rows[index], compressed[rows[index].prompt]) for index in batch]


def _tokens(model: PromptModel, compression: Compression, row: RequestRow) -> int:
    return compression.measure(model, row.prompt) + len(row.input) + row.room
