"""What if: costs of a prompt of any length on any shape, before anything is trained.

FLOPs are the closed forms, with the output matrix on the last position only, as inference engines do.
Time is a bound, not a measurement: a pass takes at least FLOPs / peak FLOP/s and bytes / peak bytes/s,
where the weights are read once a pass, keys and values once a row (the roofline, S. Williams et al., 2009).
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
    """Peaks that bound a pass: FLOP/s of matrix products and bytes/s of memory."""

    name: str
    flops_per_second: float
    bytes_per_second: float


A100 = Machine("A100 40GB, bf16 peaks of the data sheet", 312e12, 1555e9)
"""NVIDIA A100 Tensor Core GPU data sheet (2020): dense bfloat16 and HBM2 of the 40 GB SXM card."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """Lengths in tokens, rows in the batch, bytes a number takes."""

    prompt_tokens: int
    gist_tokens: int
    input_tokens: int
    output_tokens: int
    batch: int
    value_bytes: int = 2

    def __post_init__(self) -> None:
        if min(self.prompt_tokens, self.input_tokens, self.output_tokens, self.batch) < 1:
            raise GistevalError("what-if lengths and batch sizes must be at least 1")
        if self.gist_tokens < 1:
            raise GistevalError("what-if needs at least one gist token: see --gist-tokens")
        lengths = (self.prompt_tokens, self.gist_tokens, self.input_tokens, self.output_tokens, self.batch)
        if max(lengths) > MOST_TOKENS:
            raise GistevalError(f"what-if lengths and batch sizes must be at most {MOST_TOKENS:,}")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to serve the prompt. cached: slots that stand before the input; run: prompt tokens run again.

    FLOPs are a row's, seconds a whole batch's (each row with a prompt of its own). stored_bytes: what one
    prompt takes in store; batch_bytes: keys and values of a batch at its end.
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
    """A scenario on a shape: the four ways, and when gisting pays in FLOPs and in bounded time."""

    shape: str
    machine: Machine
    scenario: Scenario
    ways: tuple[Way, ...]
    in_flops: tuple[BreakEven, ...]
    in_time: tuple[BreakEven, ...]

    def way(self, name: str) -> Way:
        """One of the four by name."""
        return next(way for way in self.ways if way.name == name)


def what_if(model: ModelShape, scenario: Scenario, machine: Machine = A100) -> WhatIf:
    """Raises GistevalError for a shape without closed form."""
    shape = model.closed
    if shape is None:
        raise GistevalError(f"{model.name} has no closed form to sweep with: {model.reason}")
    t, k = scenario.prompt_tokens, scenario.gist_tokens
    ways = (
        _way(NO_CACHE, shape, scenario, machine, cached=0, run=t, compress=0),
        _way(WHOLE_CACHE, shape, scenario, machine, cached=t, run=0, compress=t),
        _way(GIST, shape, scenario, machine, cached=k, run=0, compress=t + k),
        _way(NEGATIVE, shape, scenario, machine, cached=0, run=0, compress=0),
    )
    gist = ways[2]
    return WhatIf(
        model.name,
        machine,
        scenario,
        ways,
        tuple(break_even(way.name, way.flops, gist.flops) for way in ways[:2]),
        tuple(break_even(way.name, way.seconds, gist.seconds) for way in ways[:2]),
    )


def sweep(
    models: Sequence[ModelShape],
    prompt_tokens: Sequence[int],
    gist_tokens: Sequence[int],
    batches: Sequence[int],
    input_tokens: int,
    output_tokens: int,
    machine: Machine = A100,
) -> Iterator[WhatIf]:
    """Every combination, shapes outermost. Raises GistevalError as `what_if` does."""
    for model, batch, k, prompt in product(models, batches, gist_tokens, prompt_tokens):
        yield what_if(model, Scenario(prompt, k, input_tokens, output_tokens, batch), machine)


def _way(
    name: str, shape: Shape, scenario: Scenario, machine: Machine, *, cached: int, run: int, compress: int
) -> Way:
    tokens, steps, rows = run + scenario.input_tokens, scenario.output_tokens - 1, scenario.batch
    once = forward(shape, compress, 0, logits=0).total if compress else 0
    prefill = forward(shape, tokens, cached, logits=1).total
    decoding = decode(shape, tokens, cached, steps).total
    size = scenario.value_bytes
    seconds = _bound(machine, rows * prefill, _moved(shape, size, rows, tokens, cached))
    if steps:
        # FLOPs and bytes grow linearly over the steps; the mean step bounds their sum from below.
        held = shape.held(tokens + cached, 1 + (steps - 1) / 2)
        moved = size * (shape.read_each_step + rows * held)
        seconds += steps * _bound(machine, rows * decoding / steps, moved)
    # Prompts come one by one, so each is compressed in a pass of its own.
    filled = size * (shape.read_to_compress + compress * shape.slot_values)
    written = rows * _bound(machine, once, filled) if compress else 0.0
    slots = shape.slot_values * size
    return Way(
        name=name,
        cached=cached,
        run=run,
        flops=Cost(once, prefill + decoding),
        seconds=Cost(written, seconds),
        stored_bytes=cached * slots,
        batch_bytes=int(rows * shape.held(tokens + cached, steps) * size),
    )


def _moved(shape: Shape, size: int, rows: int, tokens: int, cached: int) -> float:
    """Bytes of a pass: the weights once; each row reads its cached slots and writes its new ones."""
    return size * (shape.read_each_pass + rows * (tokens + cached) * shape.slot_values)


def _bound(machine: Machine, flops: float, moved: float) -> float:
    return max(flops / machine.flops_per_second, moved / machine.bytes_per_second)
