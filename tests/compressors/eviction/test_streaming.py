"""Sinks and a window, by places alone."""

from __future__ import annotations

import pytest
import torch
from layer_views import random_view

from gisteval.compressors.eviction.streaming import Streaming
from gisteval.errors import GistevalError


@pytest.mark.parametrize(
    ("sinks", "count", "kept"),
    [(4, 6, [0, 1, 2, 3, 8, 9]), (0, 3, [7, 8, 9]), (4, 2, [0, 1]), (2, 10, [*range(10)])],
)
def test_sinks_come_first_and_the_rest_is_a_window(sinks: int, count: int, kept: list[int]) -> None:
    found = Streaming(sinks=sinks).choose(torch.rand(3, 10), count)
    assert found.tolist() == [kept] * 3


def test_no_score_prefers_a_slot_and_a_negative_count_is_refused() -> None:
    assert Streaming().score(random_view()).unique().tolist() == [1.0]
    with pytest.raises(GistevalError, match="sinks"):
        Streaming(sinks=-1)
