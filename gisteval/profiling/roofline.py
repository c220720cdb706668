"""What this machine can do at best: a large matrix product and a large copy, timed.

S. Williams, A. Waterman and D. Patterson, "Roofline: an insightful visual performance model for multicore
architectures", 2009: attained FLOP/s <= min(peak FLOP/s, intensity * peak bytes/s).
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import torch

from gisteval.profiling.timing import Stopwatch

REPETITIONS = 5


@dataclass(frozen=True, slots=True)
class MeasuredMachine:
    """Best of a few repetitions. matrix_size n: an (n, n) by (n, n) product, 2 n^3 FLOPs; copy_bytes: bytes
    read plus bytes written."""

    device: str
    dtype: str
    threads: int
    flops_per_second: float
    matrix_size: int
    bytes_per_second: float
    copy_bytes: int


@dataclass(frozen=True, slots=True)
class Attained:
    """A phase beside the roof. intensity is FLOPs a byte; share: attained over what the roof allows.

    Bytes are what the phase must move at least: weights once a pass, keys and values of its rows. If they
    fit into the processor's caches, the share can exceed 1: the memory's speed is no limit then.
    """

    phase: str
    flops_per_second: float
    bytes_per_second: float
    intensity: float
    bound: str
    share: float


def measure_machine(device: torch.device, dtype: torch.dtype, seconds: float = math.inf) -> MeasuredMachine:
    """Takes well under a second on a free CPU core and at most 260 MB there (2.2 GB on a GPU).

    seconds: after which no further repetition is begun; two are made in any case.
    """
    deadline = time.monotonic() + seconds
    on_gpu = device.type == "cuda"
    size = 8192 if on_gpu else 1024
    first = torch.ones(size, size, device=device, dtype=dtype)
    second, product = torch.ones_like(first), torch.empty_like(first)
    block = torch.empty(2**30 if on_gpu else 2**27, dtype=torch.uint8, device=device).zero_()
    target = torch.zeros_like(block)
    multiply = copy = float("inf")
    for number in range(REPETITIONS + 1):  # the first one warms up, and is hardly the best
        if number >= 2 and time.monotonic() > deadline:
            break
        watch = Stopwatch(device)
        watch.mark()
        torch.mm(first, second, out=product)
        watch.mark()
        target.copy_(block)
        watch.mark()
        spans = watch.seconds()
        multiply, copy = min(multiply, spans[0]), min(copy, spans[1])
    moved = 2 * block.nbytes
    return MeasuredMachine(
        device=torch.cuda.get_device_name(device) if on_gpu else device.type,
        dtype=str(dtype).removeprefix("torch."),
        threads=torch.get_num_threads(),
        flops_per_second=2 * size**3 / multiply,
        matrix_size=size,
        bytes_per_second=moved / copy,
        copy_bytes=moved,
    )


def attained(machine: MeasuredMachine, phase: str, flops: float, moved: float, seconds: float) -> Attained:
    """A phase of `flops` FLOPs that moves at least `moved` bytes in `seconds`."""
    intensity = flops / moved
    by_memory = intensity * machine.bytes_per_second
    roof = min(machine.flops_per_second, by_memory)
    return Attained(
        phase=phase,
        flops_per_second=flops / seconds,
        bytes_per_second=moved / seconds,
        intensity=intensity,
        bound="memory" if by_memory < machine.flops_per_second else "compute",
        share=flops / seconds / roof,
    )
