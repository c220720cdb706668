"""What one system takes on one split: lengths counted with its tokenizer, FLOPs by the closed forms.

Neither needs weights. Not counted: padding of batches, and the self-check of ten examples a system.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from gisteval.compressors.base import Footprint, Source
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.checkpoints.loading import load_tokens, resolve
from gisteval.models.running.architecture import DECODER
from gisteval.models.running.windows import context_of
from gisteval.profiling.closed_form import Flops, decode, forward, score
from gisteval.profiling.shapes import ModelShape, Shape, load_shape, parse_config
from gisteval.records.schema import Example
from gisteval.suite import System

NO_FLOPS = Flops(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ExampleLengths:
    """One example in tokens: the prompt without gists, the target with its end token.

    template: how many of the prompt's are the template's.
    """

    instruction: str
    prompt: int
    input: int
    target: int
    template: int = 0


@dataclass(frozen=True, slots=True)
class TokenSums:
    """Sums over the examples of a split that fit into the context.

    prompt: of the distinct instructions, template and gists included; kept: slots or tokens of the prompt
    that the inputs see; reference: with its end token. output: as long as the reference; output_most: as
    long as it may be.
    """

    prompt: int
    kept: int
    input: int
    reference: int
    output: int
    output_most: int


@dataclass(frozen=True, slots=True)
class PhaseFlops:
    """FLOPs by phase: compress once a distinct instruction, prefill, loss on the reference, decode.

    decode: outputs as long as their references; decode_most: all as long as they may be.
    """

    compress: Flops = NO_FLOPS
    prefill: Flops = NO_FLOPS
    loss: Flops = NO_FLOPS
    decode: Flops = NO_FLOPS
    decode_most: Flops = NO_FLOPS

    def __add__(self, other: PhaseFlops) -> PhaseFlops:
        return PhaseFlops(
            self.compress + other.compress,
            self.prefill + other.prefill,
            self.loss + other.loss,
            self.decode + other.decode,
            self.decode_most + other.decode_most,
        )

    @property
    def expected(self) -> Flops:
        """All phases, outputs as long as their references."""
        return self.compress + self.prefill + self.loss + self.decode

    @property
    def most(self) -> Flops:
        """All phases, outputs as long as they may be."""
        return self.compress + self.prefill + self.loss + self.decode_most


@dataclass(frozen=True, slots=True)
class SplitCost:
    """One system on one split. too_long: examples beyond the context; flops: None without closed form."""

    system: str
    checkpoint: str
    split: str
    compressor: str
    k: int
    examples: int
    too_long: int
    instructions: int
    tokens: TokenSums
    flops: PhaseFlops | None


def count_lengths(checkpoint: Checkpoint, examples: Sequence[Example]) -> list[ExampleLengths]:
    """Each example's tokens under a checkpoint's tokenizer and template. Raises GistevalError."""
    tokens = load_tokens(checkpoint)
    prompts = tokens.prompts([example.instruction for example in examples])
    return [
        ExampleLengths(example.instruction, *parts, sum(tokens.template_ends(prompt)))
        for example, prompt, parts in zip(examples, prompts, tokens.lengths(examples), strict=True)
    ]


def model_shape(checkpoint: Checkpoint) -> ModelShape | None:
    """By its config.json, or its base's for an adapter; None where there is none (GGUF)."""
    path = resolve(checkpoint.base_name()) if checkpoint.is_adapter else checkpoint.path
    return load_shape(str(path)) if (path / "config.json").is_file() else None


def split_cost(
    system: System, split: str, found: Sequence[ExampleLengths], max_new_tokens: int
) -> SplitCost:
    """Tokens and FLOPs of a system over the examples of a split."""
    checkpoint = system.checkpoint
    record, caches = checkpoint.record, checkpoint.architecture.caches_prompts
    compressor = system.method()
    shape = model_shape(checkpoint)
    context = sys.maxsize
    if shape is not None and checkpoint.architecture is DECODER:
        context = context_of(parse_config(shape.config)).tokens

    @cache
    def measured(tokens: int, template: int) -> Footprint:
        source = Source(tokens, record.k, record.leak_window, caches, template)
        return compressor.footprint(source, system.budget)

    def footprint(row: ExampleLengths) -> Footprint:
        return measured(row.prompt, row.template)

    def positions(row: ExampleLengths) -> int:
        taken = footprint(row).positions
        return row.prompt + record.k if taken is None else taken

    fitting = [row for row in found if positions(row) + row.input + row.target <= context]
    prompts = {row.instruction: row for row in fitting}
    # An output may go on until its next token would leave the context.
    rooms = [min(max_new_tokens, context - positions(row) - row.input + 1) for row in fitting]
    outputs = [min(row.target, room) for row, room in zip(fitting, rooms, strict=True)]
    tokens = TokenSums(
        prompt=sum(row.prompt + record.k for row in prompts.values()),
        kept=sum(footprint(row).slots + footprint(row).run_each for row in fitting),
        input=sum(row.input for row in fitting),
        reference=sum(row.target for row in fitting),
        output=sum(outputs),
        output_most=sum(rooms),
    )
    flops = None
    if shape is not None and shape.closed is not None:
        closed = shape.closed
        once = sum(
            (forward(closed, footprint(row).run_once, 0, logits=0) for row in prompts.values()),
            NO_FLOPS,
        )
        each = (
            _use(closed, caches, footprint(row), row.input, row.target, output, room)
            for row, output, room in zip(fitting, outputs, rooms, strict=True)
        )
        flops = sum(each, PhaseFlops(compress=once))
    return SplitCost(
        system.name,
        str(checkpoint.path),
        split,
        system.compressor,
        record.k,
        len(fitting),
        len(found) - len(fitting),
        len(prompts),
        tokens,
        flops,
    )


@cache
def _use(
    shape: Shape, caches: bool, prompt: Footprint, read: int, target: int, output: int, most: int
) -> PhaseFlops:
    """One example. caches: prompt tokens that run at each use fill a cache first, as a decoder's do;
    otherwise they run in one pass with the input."""
    tokens, cached, prefill = read, prompt.slots, NO_FLOPS
    if prompt.run_each and caches:
        prefill = forward(shape, prompt.run_each, 0, logits=0)
        cached += prompt.run_each
    elif prompt.run_each:
        tokens += prompt.run_each
    return PhaseFlops(
        # The output matrix runs on the last position only; that gives the first token.
        prefill=prefill + forward(shape, tokens, cached, logits=1),
        loss=score(shape, tokens, cached, target - 1),
        decode=decode(shape, tokens, cached, output - 1),
        decode_most=decode(shape, tokens, cached, most - 1),
    )
