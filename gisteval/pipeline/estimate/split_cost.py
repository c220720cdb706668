"""The cost of one system on one split: lengths by its tokenizer and FLOPs by the closed forms.

Neither needs weights. The padding of batches and the self-check, of ten examples a system, are not counted.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache

from gisteval.compressors.base import Footprint, Source
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.models.checkpoints.loading import load_tokens, resolve
from gisteval.models.running.architecture import DECODER
from gisteval.models.running.windows import context_of
from gisteval.profiling.closed_form import Flops, decode, filling, forward, score
from gisteval.profiling.shapes import DecoderShape, ModelShape, Shape, load_shape, parse_config
from gisteval.records.schema import Example
from gisteval.suite import System

NO_FLOPS = Flops(0, 0, 0, 0)


@dataclass(frozen=True, slots=True)
class ExampleLengths:
    """The lengths of one example in tokens.

    Attributes:
        instruction: Text of the instruction.
        prompt: Tokens of the prompt without gist tokens.
        input: Tokens of the input.
        target: Tokens of the target with its end token.
        template: Tokens of the prompt that belong to the template.
    """

    instruction: str
    prompt: int
    input: int
    target: int
    template: int = 0


@dataclass(frozen=True, slots=True)
class TokenSums:
    """Sums of tokens over the examples of a split that fit into the context.

    Attributes:
        prompt: Prompts of the distinct instructions, template and gist tokens included.
        kept: Slots or tokens of the prompts that the inputs see.
        input: Inputs.
        reference: References with their end tokens.
        output: Outputs that are as long as their references.
        output_most: Outputs that are as long as possible.
    """

    prompt: int
    kept: int
    input: int
    reference: int
    output: int
    output_most: int


@dataclass(frozen=True, slots=True)
class PhaseFlops:
    """FLOPs by phase.

    Attributes:
        compress: Compression, once for each distinct instruction.
        prefill: Running the inputs.
        loss: The loss on the references.
        decode: Decoding outputs that are as long as their references.
        decode_most: Decoding outputs that are as long as possible.
    """

    compress: Flops = NO_FLOPS
    prefill: Flops = NO_FLOPS
    loss: Flops = NO_FLOPS
    decode: Flops = NO_FLOPS
    decode_most: Flops = NO_FLOPS

    def __add__(self, other: PhaseFlops) -> PhaseFlops:
        """Return the sum by phase."""
        return PhaseFlops(
            self.compress + other.compress,
            self.prefill + other.prefill,
            self.loss + other.loss,
            self.decode + other.decode,
            self.decode_most + other.decode_most,
        )

    @property
    def expected(self) -> Flops:
        """FLOPs of all phases if outputs are as long as their references."""
        return self.compress + self.prefill + self.loss + self.decode

    @property
    def most(self) -> Flops:
        """FLOPs of all phases if outputs are as long as possible."""
        return self.compress + self.prefill + self.loss + self.decode_most


@dataclass(frozen=True, slots=True)
class SplitCost:
    """The cost of one system on one split.

    Attributes:
        system: Name of the system.
        checkpoint: Folder of its checkpoint.
        split: Name of the split.
        compressor: Spec of its compressor.
        k: Number of gist tokens.
        examples: Examples that fit into the context.
        too_long: Examples that don't.
        instructions: Distinct instructions.
        tokens: Sums of tokens.
        flops: FLOPs. None without a closed form.
    """

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
    """Count each example's tokens with a checkpoint's tokenizer and template.

    Raises:
        GistevalError: The tokenizer can't be loaded.
    """
    tokens = load_tokens(checkpoint)
    prompts = tokens.prompts([example.instruction for example in examples])
    return [
        ExampleLengths(example.instruction, *parts, sum(tokens.template_ends(prompt)))
        for example, prompt, parts in zip(examples, prompts, tokens.lengths(examples), strict=True)
    ]


def model_shape(checkpoint: Checkpoint) -> ModelShape | None:
    """Return the shape by config.json, of the base for an adapter. None without that file (GGUF)."""
    path = resolve(checkpoint.base_name()) if checkpoint.is_adapter else checkpoint.path
    return load_shape(str(path)) if (path / "config.json").is_file() else None


def rerun_flops(system: System) -> tuple[int, ...] | None:
    """FLOPs of running n kept tokens again at each use, as coefficients of 1, n and n².

    Empty for a system that keeps states. None without a closed form, and for encoder-decoders, whose
    tokens run together with the input.
    """
    if system.method().keeps_states and system.checkpoint.architecture.caches_prompts:
        return ()
    shape = model_shape(system.checkpoint)
    closed = None if shape is None else shape.closed
    return filling(closed) if isinstance(closed, DecoderShape) else None


def split_cost(
    system: System, split: str, lengths: Sequence[ExampleLengths], max_new_tokens: int
) -> SplitCost:
    """Count the tokens and FLOPs of a system over the examples of a split.

    Args:
        system: The system.
        split: Name of the split.
        lengths: Lengths of each example.
        max_new_tokens: Longest output.
    """
    checkpoint = system.checkpoint
    record, caches = checkpoint.record, checkpoint.architecture.caches_prompts
    compressor = system.method()
    shape = model_shape(checkpoint)
    is_decoder = shape is not None and checkpoint.architecture is DECODER
    context = context_of(parse_config(shape.config)).tokens if shape and is_decoder else sys.maxsize

    @cache
    def measured(tokens: int, template: int) -> Footprint:
        source = Source(tokens, record.k, record.leak_window, caches, template)
        return compressor.footprint(source, system.budget)

    def footprint(row: ExampleLengths) -> Footprint:
        return measured(row.prompt, row.template)

    def positions(row: ExampleLengths) -> int:
        taken = footprint(row).positions
        return row.prompt + record.k if taken is None else taken

    fitting = [row for row in lengths if positions(row) + row.input + row.target <= context]
    prompts = _compressed_rows(fitting, compressor.reusable)
    # An output may go on until its next token would leave the context.
    rooms = [min(max_new_tokens, context - positions(row) - row.input + 1) for row in fitting]
    outputs = [min(row.target, room) for row, room in zip(fitting, rooms, strict=True)]
    tokens = TokenSums(
        prompt=sum(row.prompt + record.k for row in prompts),
        kept=sum(footprint(row).slots + footprint(row).run_each for row in fitting),
        input=sum(row.input for row in fitting),
        reference=sum(row.target for row in fitting),
        output=sum(outputs),
        output_most=sum(rooms),
    )
    flops = None
    if shape is not None and shape.closed is not None:
        uses = zip(map(footprint, fitting), fitting, outputs, rooms, strict=True)
        once = [_once(footprint(row), row, compressor.reusable) for row in prompts]
        flops = _phase_flops(shape.closed, caches, once, uses)
    return SplitCost(
        system.name,
        str(checkpoint.path),
        split,
        system.compressor,
        record.k,
        len(fitting),
        len(lengths) - len(fitting),
        len(prompts),
        tokens,
        flops,
    )


def _compressed_rows(rows: Sequence[ExampleLengths], reusable: bool) -> list[ExampleLengths]:
    """A row for each prompt that is compressed: once an instruction, by an oracle once an example."""
    return list({row.instruction: row for row in rows}.values()) if reusable else list(rows)


def _once(cost: Footprint, row: ExampleLengths, reusable: bool) -> Footprint:
    """What compressing one prompt costs; an oracle runs the input behind it."""
    return cost if reusable else replace(cost, run_once=cost.run_once + row.input)


def _phase_flops(
    shape: Shape,
    caches: bool,
    prompts: Iterable[Footprint],
    uses: Iterable[tuple[Footprint, ExampleLengths, int, int]],
) -> PhaseFlops:
    """FLOPs of distinct prompts and of examples, given as prompt, lengths, output and longest output."""
    once = sum((_compress(shape, prompt) for prompt in prompts), NO_FLOPS)
    each = (
        _use(shape, caches, prompt, row.input, row.target, output, most)
        for prompt, row, output, most in uses
    )
    return sum(each, PhaseFlops(compress=once))


@cache
def _compress(shape: Shape, prompt: Footprint) -> Flops:
    """FLOPs of compressing one prompt."""
    beside = (forward(shape, p.tokens, p.cached, logits=p.tokens).times(p.count) for p in prompt.passes)
    return sum(beside, forward(shape, prompt.run_once, 0, logits=0))


@cache
def _use(
    shape: Shape, caches: bool, prompt: Footprint, read: int, target: int, output: int, most: int
) -> PhaseFlops:
    """FLOPs of one example without compression.

    Args:
        shape: Shape of the model.
        caches: Whether prompt tokens that run at each use fill a cache first, as in a decoder-only model.
            Otherwise they run in one pass with the input.
        prompt: What the compressed prompt takes.
        read: Tokens of the input.
        target: Tokens of the target.
        output: Tokens of an output that is as long as the target.
        most: Tokens of the longest output.
    """
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
