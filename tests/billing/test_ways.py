"""Closed forms of what a prompt costs in each way, and where two ways change places."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from usage_logs import PROMPT, RHO

from gisteval.billing.prices import Price
from gisteval.billing.ways import (
    COMPRESSED_CACHED,
    PER_QUERY,
    WHOLE,
    WHOLE_CACHED,
    Compression,
    cheapest_by_uses,
    flip,
    prompt_dollars,
)


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
