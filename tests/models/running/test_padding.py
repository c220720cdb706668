"""Padding on either side, and positions of what is padded."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as some

from gisteval.models.running.padding import pad_left, pad_right, positions

CPU = torch.device("cpu")
ROWS = some.lists(some.lists(some.integers(1, 99), min_size=1, max_size=6), min_size=1, max_size=4)


@given(ROWS)
def test_what_is_present_is_the_rows(rows: list[list[int]]) -> None:
    for pad in (pad_left, pad_right):
        ids, present = pad(rows, CPU)
        assert [ids[n][present[n]].tolist() for n in range(len(rows))] == rows
        assert int(ids[~present].sum()) == 0


@given(ROWS)
def test_the_sides(rows: list[list[int]]) -> None:
    assert bool(pad_left(rows, CPU)[1][:, -1].all()) and bool(pad_right(rows, CPU)[1][:, 0].all())


@given(ROWS, some.integers(0, 50))
def test_positions_count_on_from_the_start(rows: list[list[int]], start: int) -> None:
    _, present = pad_left(rows, CPU)
    for begin in (start, torch.full((len(rows),), start)):
        found = positions(present, begin)
        for n, row in enumerate(rows):
            assert found[n][present[n]].tolist() == list(range(start, start + len(row)))
        assert int(found[~present].sum()) == 0
