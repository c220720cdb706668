"""Timed passes of a decoder-only checkpoint: one batch of examples in several serving modes.

Without caching, prompt and input are one pass. The other modes have a prompt ready (whole, compressed or
none) and run the input behind it. All modes are timed on the same weights, because time depends on shapes
and not on values, and one set of weights in memory makes the comparison fair. Every row decodes the same
number of tokens: the end token does not stop it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from gisteval.compressors.base import Compressor, Footprint, Passes, Source
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import (
    Accounting,
    CompressedPrompt,
    Nothing,
    PackedPrefix,
    Prefix,
    Tokens,
)
from gisteval.models.running.phases import watched, with_pass
from gisteval.profiling.timing import Stopwatch
from gisteval.records.budget import Budget
from gisteval.records.schema import Example

Kind = Literal["no_cache", "whole_cache", "compressed", "oracle", "negative"]


@dataclass(frozen=True, slots=True)
class ServingMode:
    """One way to serve prompts.

    Attributes:
        name: Its name in tables.
        kind: What is cached: nothing, the whole prompt, a compressed prompt, or no prompt at all. An oracle
            compresses at each use.
        model: The model that serves.
        compressor: What makes the cached prompt. None for no caching.
        budget: The compressor's budget.
    """

    name: str
    kind: Kind
    model: PromptModel
    compressor: Compressor | None
    budget: Budget | None = None

    @property
    def stores(self) -> bool:
        """Whether it stores a prompt once for all uses."""
        return self.kind in ("whole_cache", "compressed")


@dataclass(frozen=True, slots=True)
class PassLengths:
    """The lengths of one example's passes in one serving mode.

    Attributes:
        compressed: Tokens that compression runs.
        cached: Slots in the cache before the input.
        run: Tokens that each use runs.
        stored_bytes: Bytes of the stored prompt.
        beside: What compression runs beside its pass over the prompt.
        again: Tokens of an oracle's pass, which each use runs.
    """

    compressed: int
    cached: int
    run: int
    stored_bytes: int
    beside: tuple[Passes, ...] = ()
    again: int = 0


@dataclass(frozen=True, slots=True)
class PassTimes:
    """Seconds of one batch.

    Attributes:
        compress: Making the prompts ready.
        prefill: Running the inputs, which gives the first output token.
        decode: The output tokens after the first.
        lengths: Lengths of each row.
    """

    compress: float
    prefill: float
    decode: float
    lengths: tuple[PassLengths, ...]

    @property
    def end_to_end(self) -> float:
        """Seconds of one use: prefill and decoding."""
        return self.prefill + self.decode


def prepare(mode: ServingMode, examples: Sequence[Example]) -> list[CompressedPrompt]:
    """Return the examples' prompts in the form that this mode stores."""
    method = mode.compressor
    if method is not None:
        subjects = [method.subject(example.instruction, example.input) for example in examples]
        return method.compress(mode.model, subjects, mode.budget)
    return [Nothing(0, Accounting(0, 0, 0, 0)) for _ in examples]


def inputs_of(mode: ServingMode, examples: Sequence[Example]) -> list[list[int]]:
    """Return the token ids that each use runs: the input, and without caching the prompt before it."""
    inputs = mode.model.tokens.continuations([example.input for example in examples])
    if mode.compressor is not None:
        return inputs
    prompts = mode.model.tokens.prompts([example.instruction for example in examples])
    return [prompt + text for prompt, text in zip(prompts, inputs, strict=True)]


def timed_pass(mode: ServingMode, examples: Sequence[Example], output_tokens: int) -> PassTimes:
    """Serve one batch and time its phases.

    Inputs are tokenised before the clock starts, while instructions are tokenised as part of compression.
    A prompt that is stored as tokens (a pruned one) is run at each use, as part of the prefill.
    """
    model, inputs = mode.model, inputs_of(mode, examples)
    watch = Stopwatch(model.device)
    watch.mark()
    prompts = prepare(mode, examples)
    watch.mark()
    running = model.run(prompts, inputs)
    watch.mark()
    running.decode(output_tokens)
    watch.mark()
    compress, prefill, decode = watch.seconds()
    if mode.kind == "oracle":
        compress, prefill = 0.0, compress + prefill
    return PassTimes(
        compress=0.0 if mode.kind in ("no_cache", "negative") else compress,
        prefill=prefill,
        decode=decode,
        lengths=tuple(
            _pass_lengths(mode, prompt, len(ids)) for prompt, ids in zip(prompts, inputs, strict=True)
        ),
    )


def compress_parts(mode: ServingMode, examples: Sequence[Example]) -> dict[str, float]:
    """Compress one batch and return the seconds of each part, apart from what is timed as a whole."""
    watch = Stopwatch(mode.model.device)
    with watched() as parts:
        watch.mark()
        prepare(mode, examples)
        watch.mark()
    return with_pass(parts, sum(watch.seconds()))


def _pass_lengths(mode: ServingMode, prompt: CompressedPrompt, run: int) -> PassLengths:
    """The lengths of one example whose input has `run` tokens."""
    size = prompt.accounting.bytes
    if isinstance(prompt, Prefix | PackedPrefix):
        if mode.kind == "oracle":
            return PassLengths(0, prompt.slots, run, size, again=prompt.next_position + run)
        beside = _footprint(mode, prompt.accounting).passes
        return PassLengths(prompt.next_position, prompt.slots, run, size, beside)
    if isinstance(prompt, Tokens):
        once = _footprint(mode, prompt.accounting).run_once
        return PassLengths(once, 0, len(prompt.token_ids) + run, size)
    return PassLengths(0, 0, run, size)


def _footprint(mode: ServingMode, accounting: Accounting) -> Footprint:
    """What compressing a prompt of this accounting runs."""
    assert mode.compressor is not None
    model = mode.model
    source = Source(
        accounting.source_tokens, model.tokens.k, model.leak_window, True, accounting.template_tokens
    )
    return mode.compressor.footprint(source, mode.budget)
