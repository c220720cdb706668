"""Batches that do not fit into memory: halved, in order, and no other error is taken for it."""

from __future__ import annotations

import pytest
import torch

from gisteval.errors import GistevalError
from gisteval.models.running.memory import Halving, is_out_of_memory

OUT = [
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: you tried"
    ),
    MemoryError(),
]


@pytest.mark.parametrize("error", OUT, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("fits", [1, 2, 3, 5, 7, 8, 20])
def test_every_item_once_in_order_at_most_so_many_at_a_time(error: Exception, fits: int) -> None:
    tried: list[int] = []

    def work(part: list[int]) -> list[int]:
        tried.append(len(part))
        if len(part) > fits:
            raise error
        return [10 * item for item in part]

    halving = Halving()
    for _ in range(2):
        parts = list(halving.run(work, range(8)))
        assert [item for part in parts for item in part] == list(range(0, 80, 10))
        assert max(map(len, parts)) <= fits
    assert sum(count > fits for count in tried) <= 3  # learned once: 8, 4, 2


def test_a_real_allocation_that_fails() -> None:
    def work(part: list[int]) -> list[int]:
        torch.empty(2**40 if len(part) > 1 else 1, 1024)
        return part

    assert list(Halving().run(work, [1, 2, 3])) == [[1], [2], [3]]


def test_nothing_is_nothing() -> None:
    assert list(Halving().run(lambda part: part, [])) == []


def test_one_row_that_does_not_fit_is_an_error() -> None:
    def work(part: list[int]) -> list[int]:
        if 3 in part:
            raise MemoryError
        return part

    parts = Halving().run(work, [1, 2, 3, 4])
    assert next(parts) == [1, 2]  # kept, whatever comes after
    with pytest.raises(GistevalError, match="out of memory, even with one row at a time"):
        next(parts)


def test_another_error_stays_one() -> None:
    assert not is_out_of_memory(RuntimeError("shape mismatch"))

    def fail(part: list[int]) -> list[int]:
        raise RuntimeError("shape mismatch")

    with pytest.raises(RuntimeError, match="shape"):
        list(Halving().run(fail, [1, 2]))
