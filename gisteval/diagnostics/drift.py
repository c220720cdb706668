"""Drift: prompts that one model compressed and stored, read by another model.

The other may be a later checkpoint, an adapter of it, another seed, a quantised copy or another dtype. What
is compared is that model behind its own compressed prompts with the same behind the stored ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch

from gisteval.diagnostics.divergence import FullPrompt, check_same_tokens, divergence
from gisteval.diagnostics.reading import Found, PromptReader
from gisteval.errors import GistevalError
from gisteval.models.running.compressed import CompressedPrompt, EncoderState, Prefix
from gisteval.models.running.state_values import state_of


def reading_stored(reader: PromptReader, writer: PromptReader) -> PromptReader:
    """The reader behind prompts that the writer compressed.

    Raises:
        GistevalError: The two have different tokens, or states of different shapes.
    """
    check_same_tokens(reader, writer)
    text = ["Repeat the word cat."]
    theirs, ours = (state_of(side.compress(text)[text[0]]) for side in (writer, reader))
    if theirs is None:
        raise GistevalError(f"{writer.name} stores no states of a prompt, so nothing in it can drift")
    if ours is not None and _shape(theirs) != _shape(ours):
        raise GistevalError(
            f"{reader.name} can't read what {writer.name} stored: its layers are {_shape(ours)} "
            f"(number, heads, size), those of the stored states {_shape(theirs)}"
        )
    return replace(reader, name=writer.name, writer=writer)


def drift(full: FullPrompt, stored: PromptReader) -> Iterator[list[Found]]:
    """Compare the reader behind stored prompts with itself behind its own.

    Args:
        full: The reader behind its own compressed prompts.
        stored: The same behind the stored ones, from `reading_stored`.

    Yields:
        As `divergence`, and with it the cosine of the stored and the reader's own values, over all layers.
    """
    for found in divergence(full, stored):
        texts = [item.example.instruction for item in found]
        own, others = full.reader.compress(texts), stored.compress(texts)
        cosines = {text: _cosine(own[text], others[text]) for text in own}
        yield [replace(item, values=_with(item, cosines)) for item in found]


def _with(item: Found, cosines: Mapping[str, float | None]) -> dict[str, float]:
    cosine = cosines[item.example.instruction]
    return {**item.values, **({} if cosine is None else {"cosine": cosine})}


def _cosine(one: CompressedPrompt, other: CompressedPrompt) -> float | None:
    """Of the values of two prompts, None if they hold different numbers of slots."""
    first, second = state_of(one), state_of(other)
    if first is None or second is None or first.slots != second.slots:
        return None
    flat = [
        torch.cat([values.flatten().double().cpu() for _, values in state.layers])
        for state in (first, second)
    ]
    return float(torch.nn.functional.cosine_similarity(flat[0], flat[1], dim=0))


def _shape(state: Prefix | EncoderState) -> tuple[int, int, int]:
    keys = state.layers[0][0]
    return len(state.layers), keys.shape[0], keys.shape[2]
