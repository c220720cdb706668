"""The peak rates of this machine, from a large matrix product and a large copy.

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
    """The best of a few repetitions.

    Attributes:
        device: The GPU's name, or the kind of the device.
        dtype: Data type of the matrices.
        threads: CPU threads.
        flops_per_second: FLOP/s of the matrix product.
        matrix_size: n of the (n, n) by (n, n) product, which takes 2 n^3 FLOPs.
        bytes_per_second: Bytes/s of the copy.
        copy_bytes: Bytes read plus bytes written by the copy.
    """

    device: str
    dtype: str
    threads: int
    flops_per_second: float
    matrix_size: int
    bytes_per_second: float
    copy_bytes: int


@dataclass(frozen=True, slots=True)
class Attained:
    """A phase compared with the roofline.

    Bytes are those that the phase has to move at least: the weights once a pass, and the keys and values
    of its rows. If they fit into the processor's caches, the memory's speed is not a limit and the share
    can exceed 1.

    Attributes:
        phase: Name of the phase.
        flops_per_second: Attained FLOP/s.
        bytes_per_second: Attained bytes/s.
        intensity: FLOPs a byte.
        bound: "memory" or "compute".
        share: Attained FLOP/s over those that the roofline allows.
    """

    phase: str
    flops_per_second: float
    bytes_per_second: float
    intensity: float
    bound: str
    share: float


def measure_machine(device: torch.device, dtype: torch.dtype, seconds: float = math.inf) -> MeasuredMachine:
    """Measure the peak rates of a device.

    This takes well under a second on a free CPU core and at most 260 MB of memory (2.2 GB on a GPU).

    Args:
        device: The device to measure.
        dtype: Data type of the matrices.
        seconds: Time after which no further repetition begins. Two are always made.
    """
    deadline = time.monotonic() + seconds
    on_gpu = device.type == "cuda"
    size = 8192 if on_gpu else 1024
    first = torch.ones(size, size, device=device, dtype=dtype)
    second, product = torch.ones_like(first), torch.empty_like(first)
    block = torch.empty(2**30 if on_gpu else 2**27, dtype=torch.uint8, device=device).zero_()
    target = torch.zeros_like(block)
    multiply = copy = float("inf")
    for number in range(REPETITIONS + 1):  # the first one warms up and is rarely the best
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
    """Compare a phase with the roofline.

    Args:
        machine: The peak rates.
        phase: Name of the phase.
        flops: FLOPs of the phase.
        moved: Bytes that it moves at least.
        seconds: Seconds that it took.
    """
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
