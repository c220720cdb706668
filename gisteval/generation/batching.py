"""How work is cut into batches that fit into memory, and prompts compressed a group at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TypeVar

from gisteval.compressors.base import Compressor
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt
from gisteval.models.running.memory import Halving
from gisteval.records.budget import Budget

Entry = TypeVar("Entry")

AUTO_BATCH = 256
BATCH_BYTES = 2**31
"""Room that "auto" gives to one batch: its cache, its mask and what attention works with in a layer."""

PREFIX_BYTES = 256 * 2**20
"""Room for the compressed prompts that are kept at a time."""

FEW_ROWS = 32
PADDING_LIMIT = 1.2
"""Prompts that are compressed together differ in length by at most this factor, unless they are few."""


def prompt_windows(
    model: PromptModel, items: Iterable[Entry], prompt: Callable[[Entry], tuple[str, int]]
) -> Iterator[list[Entry]]:
    """Cut the items where their compressed prompts, if nothing were dropped, would outgrow their room.

    Args:
        model: The model that compresses.
        items: In the order of their work.
        prompt: Gives an item's prompt and its number of tokens. Items of one prompt that follow each other
            share it.
    """
    window: list[Entry] = []
    size, last = 0, ""
    for item in items:
        text, tokens = prompt(item)
        cost = 0 if text == last else tokens * model.slot_bytes
        if window and size + cost > PREFIX_BYTES:
            yield window
            window, size = [], 0
        window.append(item)
        size, last = size + cost, text
    if window:
        yield window


def fitting_batches(
    model: PromptModel,
    items: Iterable[Entry],
    tokens: Callable[[Entry], int],
    queries: Callable[[Entry], int],
    limit: int | None,
    width: Callable[[Entry], int] = lambda item: 1,
) -> Iterator[list[Entry]]:
    """Items in their order, as many at a time as there is room for, or up to `limit` rows.

    Args:
        model: The model that runs the items.
        items: In the order of their work.
        tokens: Gives the tokens that a row of an item may come to hold.
        queries: Gives how many of them run at a time at most.
        limit: Rows of a batch; None for as many as there is room for.
        width: Gives the rows of an item.
    """
    batch: list[Entry] = []
    rows = longest = most = 0
    for item in items:
        longest, most = max(longest, tokens(item)), max(most, queries(item))
        if batch and rows + width(item) > (limit or auto_rows(model, longest, most)):
            yield batch
            batch, rows, longest, most = [], 0, tokens(item), queries(item)
        batch.append(item)
        rows += width(item)
    if batch:
        yield batch


def auto_rows(model: PromptModel, tokens: int, queries: int | None = None) -> int:
    """How many rows of `tokens` tokens fit into the room for a batch.

    Args:
        model: The model that runs them.
        tokens: Tokens of a row.
        queries: How many of the tokens run at a time; None for all.
    """
    return min(AUTO_BATCH, max(1, BATCH_BYTES // model.row_bytes(tokens, queries)))


def compress_each(
    model: PromptModel,
    compressor: Compressor,
    budget: Budget | None,
    lengths: Mapping[str, int],
    halving: Halving,
) -> dict[str, CompressedPrompt]:
    """Every text of `lengths` (its prompt's tokens) compressed once, similar lengths together."""
    return compress_groups(model, compressor, budget, length_groups(model, lengths), halving)


def compress_groups(
    model: PromptModel,
    compressor: Compressor,
    budget: Budget | None,
    groups: Iterable[Sequence[str]],
    halving: Halving,
) -> dict[str, CompressedPrompt]:
    """Every text of some groups, a group at a time."""
    compressed_by_text: dict[str, CompressedPrompt] = {}
    for batch in groups:
        compressed = halving.run(lambda part: list(compressor.compress(model, part, budget)), batch)
        compressed_by_text.update(zip(batch, chain.from_iterable(compressed), strict=True))
    return compressed_by_text


def length_groups(model: PromptModel, lengths: Mapping[str, int]) -> Iterator[list[str]]:
    """Texts of similar length together, shortest first; a small group may mix lengths."""
    group: list[str] = []
    for text in sorted(lengths, key=lambda text: (lengths[text], text)):
        padded = len(group) >= FEW_ROWS and lengths[text] > PADDING_LIMIT * lengths[group[0]]
        if group and (padded or len(group) >= auto_rows(model, lengths[text])):
            yield group
            group = []
        group.append(text)
    if group:
        yield group
