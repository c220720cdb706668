"""Totals of a replay, and the interval of what the cheapest way saves."""

from __future__ import annotations

import numpy as np
import pytest
from usage_logs import RHO, OnePrice, requests

from gisteval.billing.replay import Replay, replay
from gisteval.billing.totals import totals
from gisteval.billing.ways import Compression
from gisteval.stats import ratio_of_means


def test_the_bootstrap_agrees_with_the_inverted_test() -> None:
    """A second path to the interval of the share that is saved."""
    draw = np.random.default_rng(3)
    log = [
        request
        for prompt in range(60)
        for request in requests(
            int(draw.integers(1, 30)), 60.0, f"p{prompt}", int(draw.integers(500, 9000))
        )
    ]
    found = replay(sorted(log, key=lambda request: request.time), OnePrice(), Compression(RHO))
    best, *others = totals(found, len(log))
    assert best.above == 0.0 and best.low is None
    for cost in others:
        column = found.ways.index(cost.way)
        ratio = ratio_of_means(found.dollars[:, found.ways.index(best.way)], found.dollars[:, column])
        assert cost.above == pytest.approx(100 * (1 - ratio.value))
        assert cost.low == pytest.approx(100 * (1 - ratio.ci_high), abs=2.0)
        assert cost.high == pytest.approx(100 * (1 - ratio.ci_low), abs=2.0)


def test_few_prompts_or_equal_ones_have_no_interval() -> None:
    few = replay(requests(3, 1.0) + requests(3, 1.0, "q"), OnePrice(), Compression(RHO))
    assert {cost.low for cost in totals(few, 6)} == {None}
    equal = [request for prompt in range(20) for request in requests(2, 1.0, f"p{prompt}")]
    same = replay(equal, OnePrice(), Compression(RHO))
    assert {cost.low for cost in totals(same, 40)} == {None}


def test_sums_are_sorted_and_a_clear_winner_wins_every_draw() -> None:
    """Twelve prompts whose second way costs half of the first, prompt by prompt."""
    first = np.arange(1.0, 13.0)
    found = Replay(("a", "b"), tuple("abcdefghijkl"), np.stack([first, first / 2], axis=1), (None, 0.5))
    best, other = totals(found, 39)
    assert (best.way, best.dollars, best.per_thousand, best.hit_rate, best.wins) == ("b", 39, 1000, 0.5, 1)
    assert (other.way, other.dollars, other.above, other.wins) == ("a", 78, 50, 0)
