"""Heavy hitters: the sums of attention, and the share of the budget for the last slots."""

from __future__ import annotations

import pytest
import torch
from layer_views import of_heads, own_scores, random_view, stock_weights

from gisteval.compressors.eviction.h2o import HeavyHitters
from gisteval.errors import GistevalError


def test_scores_are_sums_of_attention() -> None:
    view = random_view()
    scores = HeavyHitters().score(view)
    for row in range(2):
        expected = of_heads(stock_weights(view, row).sum(1), view)
        assert torch.allclose(own_scores(scores, view, row), expected, atol=1e-5)


@pytest.mark.parametrize(("recent", "last"), [(0.0, 0), (0.5, 2), (0.75, 3), (1.0, 4)])
def test_a_share_of_the_budget_goes_to_the_last_slots(recent: float, last: int) -> None:
    scores = torch.tensor([[9.0, 1, 8, 2, 7, 3, 6, 4]])
    kept = HeavyHitters(recent=recent).choose(scores, 4)[0].tolist()
    ends = set(range(8 - last, 8))
    heavy = sorted(set(range(8)) - ends, key=lambda place: -float(scores[0, place]))[: 4 - last]
    assert kept == sorted(ends.union(heavy))


@pytest.mark.parametrize("recent", [-0.1, 1.5, float("nan")])
def test_a_share_beyond_the_whole_is_refused(recent: float) -> None:
    with pytest.raises(GistevalError, match="recent must be 0 to 1"):
        HeavyHitters(recent=recent)
