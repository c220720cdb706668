"""The cost of serving a prompt of any length on any shape, before anything is trained.

FLOPs follow from the closed forms, with the output matrix on the last position only, as in inference
engines. Time is a bound and not a measurement: a pass takes at least FLOPs / peak FLOP/s and bytes / peak
bytes/s, where weights are read once a pass and keys and values once a row (the roofline: S. Williams,
A. Waterman and D. Patterson, 2009).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from gisteval.errors import GistevalError
from gisteval.profiling.breakeven import BreakEven, Cost, break_even
from gisteval.profiling.closed_form import decode, forward
from gisteval.profiling.shapes import MOST_TOKENS, ModelShape, Shape

NO_CACHE, WHOLE_CACHE, GIST, NEGATIVE = "no cache", "whole-prompt cache", "gist", "negative control"


@dataclass(frozen=True, slots=True)
class Machine:
    """The peak rates that bound a pass.

    Attributes:
        name: Name of the hardware and source of the rates.
        flops_per_second: FLOP/s of matrix products.
        bytes_per_second: Bytes/s of the memory.
    """

    name: str
    flops_per_second: float
    bytes_per_second: float


A100 = Machine("A100 40GB, bf16 peaks of the data sheet", 312e12, 1555e9)
"""NVIDIA A100 Tensor Core GPU data sheet (2020): dense bfloat16 and HBM2 of the 40 GB SXM card."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is served.

    Attributes:
        prompt_tokens: Length of the prompt.
        gist_tokens: Number of gist tokens.
        input_tokens: Length of the input.
        output_tokens: Length of the output.
        batch: Rows of a batch.
        value_bytes: Bytes of one number.
    """

    prompt_tokens: int
    gist_tokens: int
    input_tokens: int
    output_tokens: int
    batch: int
    value_bytes: int = 2

    def __post_init__(self) -> None:
        """Check that all lengths are at least 1."""
        if min(self.prompt_tokens, self.input_tokens, self.output_tokens, self.batch) < 1:
            raise GistevalError("what-if lengths and batch sizes must be at least 1")
        if self.gist_tokens < 1:
            raise GistevalError("what-if needs at least one gist token: see --gist-tokens")
        lengths = (self.prompt_tokens, self.gist_tokens, self.input_tokens, self.output_tokens, self.batch)
        if max(lengths) > MOST_TOKENS:
            raise GistevalError(f"what-if lengths and batch sizes must be at most {MOST_TOKENS:,}")


@dataclass(frozen=True, slots=True)
class ServingCost:
    """The cost of one serving mode.

    Attributes:
        name: Name of the mode.
        cached: Slots in the cache before the input.
        run: Prompt tokens that each use runs.
        flops: FLOPs of a row.
        seconds: Seconds of a batch, whose rows have different prompts.
        stored_bytes: Bytes of one stored prompt.
        batch_bytes: Bytes of a batch's keys and values after its last token.
    """

    name: str
    cached: int
    run: int
    flops: Cost
    seconds: Cost
    stored_bytes: int
    batch_bytes: int


@dataclass(frozen=True)
class WhatIf:
    """One scenario on one shape.

    Attributes:
        shape: Name of the shape.
        machine: The peak rates.
        scenario: What is served.
        modes: The costs of the four serving modes.
        in_flops: When gist tokens pay in FLOPs, against each baseline.
        in_time: The same in bounded time.
    """

    shape: str
    machine: Machine
    scenario: Scenario
    modes: tuple[ServingCost, ...]
    in_flops: tuple[BreakEven, ...]
    in_time: tuple[BreakEven, ...]

    def mode(self, name: str) -> ServingCost:
        """Return the cost of the mode with this name."""
        return next(mode for mode in self.modes if mode.name == name)


def what_if(model: ModelShape, scenario: Scenario, machine: Machine = A100) -> WhatIf:
    """Compute the costs of all serving modes in a scenario.

    Raises:
        GistevalError: The shape has no closed form.
    """
    shape = model.closed
    if shape is None:
        raise GistevalError(f"{model.name} has no closed form for what-if costs: {model.reason}")
    t, k = scenario.prompt_tokens, scenario.gist_tokens
    modes = (
        _serving_cost(NO_CACHE, shape, scenario, machine, cached=0, run=t, compress=0),
        _serving_cost(WHOLE_CACHE, shape, scenario, machine, cached=t, run=0, compress=t),
        _serving_cost(GIST, shape, scenario, machine, cached=k, run=0, compress=t + k),
        _serving_cost(NEGATIVE, shape, scenario, machine, cached=0, run=0, compress=0),
    )
    gist = modes[2]
    return WhatIf(
        model.name,
        machine,
        scenario,
        modes,
        tuple(break_even(mode.name, mode.flops, gist.flops) for mode in modes[:2]),
        tuple(break_even(mode.name, mode.seconds, gist.seconds) for mode in modes[:2]),
    )


def what_if_grid(
    models: Sequence[ModelShape],
    prompt_tokens: Sequence[int],
    gist_tokens: Sequence[int],
    batches: Sequence[int],
    input_tokens: int,
    output_tokens: int,
    machine: Machine = A100,
) -> Iterator[WhatIf]:
    """Compute the costs of every combination of the given values. Shapes change slowest.

    Args:
        models: Shapes.
        prompt_tokens: Lengths of the prompt.
        gist_tokens: Numbers of gist tokens.
        batches: Rows of a batch.
        input_tokens: Length of the input.
        output_tokens: Length of the output.
        machine: The peak rates.

    Yields:
        The costs of one combination.

    Raises:
        GistevalError: A shape has no closed form.
    """
    for model, batch, k, prompt in product(models, batches, gist_tokens, prompt_tokens):
        yield what_if(model, Scenario(prompt, k, input_tokens, output_tokens, batch), machine)


def _serving_cost(
    name: str, shape: Shape, scenario: Scenario, machine: Machine, *, cached: int, run: int, compress: int
) -> ServingCost:
    tokens, steps, rows = run + scenario.input_tokens, scenario.output_tokens - 1, scenario.batch
    once = forward(shape, compress, 0, logits=0).total if compress else 0
    prefill = forward(shape, tokens, cached, logits=1).total
    decoding = decode(shape, tokens, cached, steps).total
    size = scenario.value_bytes
    seconds = _bound(machine, rows * prefill, _moved(shape, size, rows, tokens, cached))
    if steps:
        # FLOPs and bytes grow linearly over the steps, so the mean step bounds their sum from below.
        held = shape.held(tokens + cached, 1 + (steps - 1) / 2)
        moved = size * (shape.read_each_step + rows * held)
        seconds += steps * _bound(machine, rows * decoding / steps, moved)
    # Prompts come one by one, so each is compressed in a pass of its own.
    filled = size * (shape.read_to_compress + compress * shape.slot_values)
    written = rows * _bound(machine, once, filled) if compress else 0.0
    slots = shape.slot_values * size
    return ServingCost(
        name=name,
        cached=cached,
        run=run,
        flops=Cost(once, prefill + decoding),
        seconds=Cost(written, seconds),
        stored_bytes=cached * slots,
        batch_bytes=int(rows * shape.held(tokens + cached, steps) * size),
    )


def _moved(shape: Shape, size: int, rows: int, tokens: int, cached: int) -> float:
    """Bytes that a pass moves: the weights once, and for each row its cached and its new slots."""
    return size * (shape.read_each_pass + rows * (tokens + cached) * shape.slot_values)


def _bound(machine: Machine, flops: float, moved: float) -> float:
    return max(flops / machine.flops_per_second, moved / machine.bytes_per_second)
