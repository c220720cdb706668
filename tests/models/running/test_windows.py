"""Windows by positions, held against the functions that transformers makes its own masks of."""

from __future__ import annotations

import pytest
import torch
from transformers.masking_utils import chunked_overlay, sliding_window_overlay

from gisteval.models.running.windows import Window, effective, within

LENGTH = 23


@pytest.mark.parametrize("size", [1, 2, 5, 8, 23, 40])
@pytest.mark.parametrize("kind", ["sliding", "chunked"])
def test_a_window_shows_what_transformers_masks_show(kind, size):
    padding = torch.zeros(1, dtype=torch.long)
    own = sliding_window_overlay(size) if kind == "sliding" else chunked_overlay(size, padding)
    places = torch.arange(LENGTH)[None]
    found = Window(kind, size).visible(places, places)
    for query in range(LENGTH):
        for key in range(LENGTH):
            assert bool(found[0, query, key]) == bool(own(0, 0, query, key))


def test_a_window_counts_positions_not_columns():
    """Two gists kept of a long prompt, then an input: the slots are as far away as they were."""
    keys = torch.tensor([[40, 41, 42, 43]])
    mask = torch.ones(1, 1, 1, 4, dtype=torch.bool)
    query = keys[:, -1:]
    assert within(mask, Window("sliding", 3), query, keys).flatten().tolist() == [False, True, True, True]
    assert within(mask, Window("chunked", 42), query, keys).flatten().tolist() == [False, False, True, True]
    assert within(mask, None, query, keys) is mask


def test_windows_that_hide_nothing_are_left_out():
    windows = (Window("sliding", 8), None, Window("chunked", 4))
    assert effective(windows, 4) == (None, None, None)
    assert effective(windows, 8) == (None, None, Window("chunked", 4))
    assert effective(windows, 9) == windows


def test_heads_whose_keys_stand_elsewhere_see_through_their_own_windows():
    mask = torch.ones(1, 1, 1, 3, dtype=torch.bool)
    keys = torch.tensor([[[0, 7, 10], [3, 8, 10]]])
    found = within(mask, Window("sliding", 4), torch.tensor([[10]]), keys)
    assert found.tolist() == [[[[False, True, True]], [[False, True, True]]]]
    found = within(mask, Window("sliding", 3), torch.tensor([[10]]), keys)
    assert found.tolist() == [[[[False, False, True]], [[False, True, True]]]]
