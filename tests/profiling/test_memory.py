"""Peak memory of a function call."""

from __future__ import annotations

import pytest
import torch

from gisteval.profiling.memory import peak_memory

CPU = torch.device("cpu")


def test_peak_memory_sees_a_block_that_is_gone_again():
    size = 300 * 2**20
    held = peak_memory(lambda: None, CPU)
    peak = peak_memory(lambda: torch.ones(size, dtype=torch.uint8).sum(), CPU)
    if held is None or peak is None:
        pytest.skip("this system does not tell the peak of the resident set")
    assert peak.bytes - held.bytes > 0.9 * size
    after = peak_memory(lambda: None, CPU)
    assert after.bytes < peak.bytes
