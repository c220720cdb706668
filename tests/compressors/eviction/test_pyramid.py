"""Slots of layers fall evenly and add up."""

from __future__ import annotations

from itertools import pairwise

import pytest

from gisteval.compressors.eviction.knorm import KeyNorm
from gisteval.compressors.eviction.pyramid import Pyramid


@pytest.mark.parametrize(
    ("beta", "mean", "tokens", "layers", "slots"),
    [
        (20.0, 20, 100, 3, [39, 20, 1]),
        (4.0, 8, 100, 4, [14, 10, 6, 2]),
        (20.0, 20, 30, 3, [30, 20, 10]),  # the first layer has no more than there is
        (20.0, 1, 100, 4, [1, 1, 1, 1]),
        (1.0, 7, 100, 4, [7, 7, 7, 7]),
        (20.0, 9, 9, 3, [9, 9, 9]),
        (20.0, 9, 99, 1, [9]),
    ],
)
def test_slots_by_hand(beta, mean, tokens, layers, slots):
    assert Pyramid(KeyNorm(), beta).layer_slots(mean, tokens, layers) == slots


def test_totals_are_conserved_and_no_layer_is_empty_or_over_its_tokens():
    for layers in (1, 2, 5, 12):
        for tokens in (1, 7, 40):
            for mean in range(1, tokens + 1):
                slots = Pyramid(KeyNorm()).layer_slots(mean, tokens, layers)
                assert sum(slots) == mean * layers
                assert min(slots) >= 1 and max(slots) <= tokens
                assert all(one >= later - 1 for one, later in pairwise(slots))
