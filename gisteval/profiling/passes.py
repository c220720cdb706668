"""Timed passes of a decoder-only checkpoint: one batch of examples served in several ways.

No caching runs prompt and input as one pass. The others have a prompt ready (whole, compressed or none) and
run the input behind it. All ways are timed on the same weights: time depends on shapes, not on values, and
one set of weights in memory makes the comparison fair. Every row decodes the same number of tokens; the end
token stops nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gisteval.compressors.base import Compressor
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import (
    Accounting,
    CompressedPrompt,
    Nothing,
    PackedPrefix,
    Prefix,
    Tokens,
)
from gisteval.profiling.timing import Stopwatch
from gisteval.records.budget import Budget
from gisteval.records.schema import Example

Kind = Literal["no_cache", "whole_cache", "compressed", "negative"]


@dataclass(frozen=True, slots=True)
class Way:
    """One way to serve prompts. compressor None: no caching."""

    name: str
    kind: Kind
    model: PromptModel
    compressor: Compressor | None
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class Lengths:
    """Of one example in one way: tokens that compressing runs, cached slots, tokens run at each use, and
    the bytes in store."""

    compressed: int
    cached: int
    run: int
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class PassTimes:
    """Seconds of one batch. compress: prompts made ready; prefill: inputs run, the first token known;
    decode: the tokens after it; end_to_end: prefill and decode, what each use takes.

    lengths: of each row.
    """

    compress: float
    prefill: float
    decode: float
    lengths: tuple[Lengths, ...]

    @property
    def end_to_end(self) -> float:
        """Prefill and decoding."""
        return self.prefill + self.decode


def prepare(way: Way, examples: Sequence[Example]) -> list[CompressedPrompt]:
    """The examples' prompts as this way keeps them ready."""
    instructions = [example.instruction for example in examples]
    if way.compressor is not None:
        return way.compressor.compress(way.model, instructions, way.budget)
    return [Nothing(0, Accounting(0, 0, 0, 0)) for _ in examples]


def inputs_of(way: Way, examples: Sequence[Example]) -> list[list[int]]:
    """Token ids that each use runs: the input, and without caching the prompt before it."""
    inputs = way.model.tokens.continuations([example.input for example in examples])
    if way.compressor is not None:
        return inputs
    prompts = way.model.tokens.prompts([example.instruction for example in examples])
    return [prompt + text for prompt, text in zip(prompts, inputs, strict=True)]


def timed_pass(way: Way, examples: Sequence[Example], output_tokens: int) -> PassTimes:
    """Serve one batch and time its phases. Inputs are tokenised before the clock starts.

    Compressing tokenises the instructions; a token list (a pruned prompt) is run again at each use, as
    part of the prefill.
    """
    model, inputs = way.model, inputs_of(way, examples)
    watch = Stopwatch(model.device)
    watch.mark()
    prompts = prepare(way, examples)
    watch.mark()
    running = model.run(prompts, inputs)
    watch.mark()
    running.decode(output_tokens)
    watch.mark()
    compress, prefill, decode = watch.seconds()
    return PassTimes(
        compress=0.0 if way.kind in ("no_cache", "negative") else compress,
        prefill=prefill,
        decode=decode,
        lengths=tuple(_lengths(prompt, len(ids)) for prompt, ids in zip(prompts, inputs, strict=True)),
    )


def _lengths(prompt: CompressedPrompt, run: int) -> Lengths:
    """What a way runs, caches and stores for one example with an input of `run` tokens."""
    size = prompt.accounting.bytes
    if isinstance(prompt, Prefix | PackedPrefix):
        return Lengths(prompt.next_position, prompt.slots, run, size)
    if isinstance(prompt, Tokens):
        return Lengths(0, 0, len(prompt.token_ids) + run, size)
    return Lengths(0, 0, run, size)
