"""A phase compared with the roofline of a machine."""

from __future__ import annotations

import pytest
import torch

from gisteval.profiling.roofline import MeasuredMachine, attained, measure_machine

MACHINE = MeasuredMachine("m", "float32", 1, 1e12, 1024, 1e11, 2**28)
"""Its ridge is at 10 FLOPs a byte."""


@pytest.mark.parametrize(
    ("flops", "moved", "seconds", "bound", "share"),
    [
        (1e12, 1e9, 2.0, "compute", 0.5),  # 1,000 FLOPs a byte: 0.5 of 1 TFLOP/s
        (1e9, 1e10, 0.2, "memory", 0.5),  # 0.1 FLOPs a byte: 5e10 of 1e11 bytes a second
        (1e9, 1e10, 0.05, "memory", 2.0),  # faster than the memory, as in a cache
    ],
)
def test_the_nearer_roof_bounds_a_phase(flops, moved, seconds, bound, share):
    phase = attained(MACHINE, "decode", flops, moved, seconds)
    assert phase.bound == bound
    assert phase.share == pytest.approx(share)
    assert phase.flops_per_second / phase.bytes_per_second == pytest.approx(phase.intensity)


def test_the_roof_bounds_by_memory_first_and_by_arithmetic_then():
    machine = measure_machine(torch.device("cpu"), torch.float32)
    assert (machine.device, machine.dtype, machine.threads) == ("cpu", "float32", torch.get_num_threads())
    assert machine.flops_per_second > 1e8 and machine.bytes_per_second > 1e8
    ridge = machine.flops_per_second / machine.bytes_per_second
    slow = attained(machine, "decode", flops=ridge / 10 * 1e6, moved=1e6, seconds=1.0)
    fast = attained(machine, "prefill", flops=ridge * 10 * 1e6, moved=1e6, seconds=1.0)
    assert (slow.bound, fast.bound) == ("memory", "compute")
    assert slow.share == pytest.approx(1e6 / machine.bytes_per_second)
    assert fast.share == pytest.approx(ridge * 1e7 / machine.flops_per_second)
