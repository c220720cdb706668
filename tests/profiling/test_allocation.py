"""Bytes of tensors, counted while they live."""

from __future__ import annotations

import pytest
import torch

from gisteval.profiling.allocation import Allocation


@pytest.mark.parametrize("device", ["cpu", "meta"])
def test_what_lives_counts_and_what_is_dropped_stays_in_the_peak(device: str) -> None:
    before = torch.zeros(1000, device=device)
    with Allocation() as found:
        kept = torch.zeros(100, device=device)
        dropped = kept + 1
        del dropped
        assert (found.now, found.peak) == (400, 800)
        row = kept[:10]  # the same memory
        kept.add_(1)
        before.mul_(2)
        assert (found.now, found.peak) == (400, 800)
        del kept
        assert found.now == 400  # the view holds it
        del row
    assert (found.now, found.peak) == (0, 800)


def test_equals_the_closed_form_of_a_cache_that_grows_by_copying() -> None:
    with Allocation() as found, torch.inference_mode():
        states = torch.empty(4, 10, dtype=torch.bfloat16, device="meta")
        for _ in range(3):
            states = torch.cat([states, states])
    assert found.now == 8 * 80
    assert found.peak == 8 * 80 + 4 * 80  # the last copy beside what it was made of
