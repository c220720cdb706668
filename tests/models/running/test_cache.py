"""The growing cache against plain concatenation."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gisteval.models.running.cache import ROOM, GrowingCache, GrowingLayer


def states(columns: int, rows: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    """Random (rows, 2 heads, columns, size 4) keys and values."""
    return torch.randn(rows, 2, columns, 4), torch.randn(rows, 2, columns, 4)


@st.composite
def operations(draw) -> list[tuple[str, int]]:
    """Appends (columns), rewinds (columns to forget) and drops (a row), in any order."""
    kinds = st.sampled_from(["append", "append", "rewind", "drop"])
    return draw(st.lists(st.tuples(kinds, st.integers(1, ROOM + 3)), min_size=1, max_size=8))


@given(operations())
def test_layer_equals_concatenation(steps):
    layer = GrowingLayer()
    keys, values = torch.empty(3, 2, 0, 4), torch.empty(3, 2, 0, 4)
    for kind, size in steps:
        if kind == "rewind":
            left = max(0, keys.shape[2] - size)
            layer.rewind(left)
            keys, values = keys[:, :, :left], values[:, :, :left]
        elif kind == "drop" and keys.shape[0] > 1:
            rows = torch.tensor([row for row in range(keys.shape[0]) if row != size % keys.shape[0]])
            layer.keep_rows(rows)
            keys, values = keys[rows], values[rows]
        new_keys, new_values = states(size, keys.shape[0])
        keys, values = torch.cat([keys, new_keys], 2), torch.cat([values, new_values], 2)
        found_keys, found_values = layer.update(new_keys, new_values)
        assert torch.equal(found_keys, keys)
        assert torch.equal(found_values, values)
        assert layer.get_seq_length() == keys.shape[2]
        assert layer.get_mask_sizes(2) == (keys.shape[2] + 2, 0)


def test_an_update_does_not_copy_while_there_is_room():
    layer = GrowingLayer()
    first, _ = layer.update(*states(4))
    second, _ = layer.update(*states(ROOM))
    third, _ = layer.update(*states(1))
    assert first.data_ptr() == second.data_ptr()
    assert second.data_ptr() != third.data_ptr()


def test_states_of_rows_have_the_room_that_was_asked_for():
    layer = GrowingLayer.from_rows([(torch.randn(2, 3, 4), torch.randn(2, 3, 4))], room=100)
    first, _ = layer.update(*states(60, rows=1))
    second, _ = layer.update(*states(40, rows=1))
    third, _ = layer.update(*states(1, rows=1))
    assert first.data_ptr() == second.data_ptr()
    assert second.data_ptr() != third.data_ptr()
    assert third.shape[2] == 104


def test_cache_rewinds_and_drops_rows_in_every_layer():
    start = [states(3), states(3)]
    cache = GrowingCache.from_rows(
        [[(keys[row], values[row]) for keys, values in start] for row in range(3)]
    )
    assert cache.length == cache.get_seq_length() == 3
    for layer in range(2):
        cache.update(*states(2), layer)
    assert cache.length == 5
    cache.rewind(3)
    cache.keep_rows(torch.tensor([2, 0]))
    assert cache.length == 3
    for layer, (keys, values) in enumerate(start):
        new_keys, new_values = states(1, rows=2)
        found_keys, found_values = cache.update(new_keys, new_values, layer)
        assert torch.equal(found_keys, torch.cat([keys[[2, 0]], new_keys], 2))
        assert torch.equal(found_values, torch.cat([values[[2, 0]], new_values], 2))


def test_an_empty_cache_may_drop_rows():
    cache = GrowingCache(2)
    cache.keep_rows(torch.tensor([0]))
    assert cache.length == 0


@pytest.mark.parametrize("slots", [(2, 2, 2), (3, 0, 1)])
def test_shorter_rows_are_padded_on_the_left(slots):
    rows = [
        tuple((torch.randn(2, count, 4), torch.randn(2, count, 4)) for _ in range(2)) for count in slots
    ]
    cache = GrowingCache.from_rows(rows)
    width = max(slots)
    assert (cache.length, len(cache.layers)) == (width, 2)
    for layer in range(2):
        new = states(1)
        for kind, batch in enumerate(cache.update(*new, layer)):
            assert batch.shape == (3, 2, width + 1, 4)
            assert torch.equal(batch[:, :, width:], new[kind])
            for row, count in enumerate(slots):
                assert torch.equal(batch[row, :, width - count : width], rows[row][layer][kind])
                assert not batch[row, :, : width - count].any()
