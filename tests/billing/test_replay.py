"""The replay of a log against closed forms of what its prompts cost."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from usage_logs import PRICE, PROMPT, RHO, C, OnePrice, W, requests

from gisteval.billing.prices import Price
from gisteval.billing.replay import replay
from gisteval.billing.ways import (
    COMPRESSED_CACHED,
    PER_QUERY,
    WAYS,
    WHOLE,
    WHOLE_CACHED,
    Compression,
    prompt_dollars,
)


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
