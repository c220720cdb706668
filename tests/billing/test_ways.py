"""Closed forms of what a prompt costs, and the replay of a log against them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.billing.prices import Price
from gisteval.billing.replay import replay
from gisteval.billing.totals import totals
from gisteval.billing.usage import Request
from gisteval.billing.ways import (
    COMPRESSED_CACHED,
    PER_QUERY,
    WAYS,
    WHOLE,
    WHOLE_CACHED,
    Compression,
    cheapest_by_uses,
    flip,
    prompt_dollars,
)
from gisteval.stats import ratio_of_means

W, C, RHO, PROMPT = 1.25, 0.1, 0.25, 4000
PRICE = Price(3.0, 15.0, 3.0 * W, 3.0 * C, 300.0, 0)


class OnePrice:
    """Prices that are the same for all requests."""

    def __init__(self, price: Price = PRICE) -> None:
        self.price = price

    def at(self, model: str, time: float) -> Price:
        return self.price


def requests(uses: int, gap: float, prompt: str = "p", shared: int = PROMPT) -> list[Request]:
    return [Request(n * gap, prompt, "m", shared, 0, 0) for n in range(uses)]


@given(uses=st.integers(1, 60), compressing=st.sampled_from([0.0, 0.7]))
def test_a_replay_within_one_lifetime_is_the_closed_form(uses: int, compressing: float) -> None:
    found = replay(requests(uses, 10.0), OnePrice(), Compression(RHO, compressing * PRICE.fresh))
    token = PROMPT * PRICE.fresh / 1e6
    expected = {
        WHOLE: uses,
        WHOLE_CACHED: W + (uses - 1) * C,
        COMPRESSED_CACHED: compressing + RHO * (W + (uses - 1) * C),
        PER_QUERY: uses * (RHO + compressing),
    }
    np.testing.assert_allclose(found.dollars[0] / token, [expected[way] for way in WAYS], rtol=1e-12)
    lines = prompt_dollars(PROMPT, PRICE, Compression(RHO, compressing * PRICE.fresh))
    np.testing.assert_allclose([lines[way].after(uses) for way in WAYS], found.dollars[0], rtol=1e-12)
    assert found.hit_rates == (None, (uses - 1) / uses, (uses - 1) / uses, None)


@given(
    write=st.floats(1.0, 2.0),
    read=st.floats(0.01, 0.5),
    kept=st.floats(0.02, 1.0),
    uses=st.integers(1, 400),
)
def test_the_flip_is_where_the_closed_form_says(write: float, read: float, kept: float, uses: int) -> None:
    price = Price(1e6, 0.0, write * 1e6, read * 1e6, 300.0, 0)
    lines = prompt_dollars(10**6, price, Compression(round(kept * 10**6) / 10**6))
    kept = round(kept * 10**6) / 10**6
    at = flip(lines[WHOLE_CACHED], lines[PER_QUERY])
    if kept > read:
        assert at == pytest.approx((write - read) / (kept - read), rel=1e-6)
        cheaper = lines[PER_QUERY].after(uses) < lines[WHOLE_CACHED].after(uses)
        if abs(uses - at) > 1e-6 * at:
            assert cheaper == (uses < at)
    stretches = cheapest_by_uses(lines)
    best = [stretch.way for stretch in stretches if stretch.uses <= uses][-1]
    least = min(line.after(uses) for line in lines.values())
    assert lines[best].after(uses) == pytest.approx(least, rel=1e-9)


def test_equal_slopes_never_flip() -> None:
    lines = prompt_dollars(PROMPT, Price(3.0, 15.0, 3.0, 3.0, 0.0, None), Compression(RHO))
    assert flip(lines[WHOLE], lines[WHOLE_CACHED]) == math.inf
    assert [stretch.way for stretch in cheapest_by_uses(lines)] == [COMPRESSED_CACHED]


def test_a_cache_that_ran_out_is_written_again() -> None:
    found = replay(requests(7, 300.1), OnePrice(), Compression(RHO))
    assert found.dollars[0, 1] == pytest.approx(7 * W * PROMPT * PRICE.fresh / 1e6)
    within = replay(requests(7, 300.0), OnePrice(), Compression(RHO))
    assert within.hit_rates[1] == 6 / 7


def test_a_prompt_that_is_short_when_compressed_is_not_cached() -> None:
    price = Price(3.0, 15.0, 3.75, 0.3, 300.0, 1024)
    found = replay(requests(5, 1.0), OnePrice(price), Compression(RHO))
    token = PROMPT * 3.0 / 1e6
    np.testing.assert_allclose(found.dollars[0] / token, [5, W + 4 * C, 5 * RHO, 5 * RHO])
    assert found.hit_rates[2] is None


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
