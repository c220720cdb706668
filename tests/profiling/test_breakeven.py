"""When compression pays: the arithmetic, its edges, and the what-if grid."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.errors import GistevalError
from gisteval.profiling.breakeven import (
    Cost,
    break_even,
    cost_curve,
    hit_rate,
    load_bandwidth,
    sampled_uses,
    storage,
    uses_until,
)
from gisteval.profiling.closed_form import forward
from gisteval.profiling.shapes import describe_config, load_shape
from gisteval.profiling.whatif import GIST, NEGATIVE, NO_CACHE, WHOLE_CACHE, Scenario, what_if, what_if_grid


@pytest.mark.parametrize(
    ("cost", "saved", "expected"),
    [(10, 5, 2), (11, 5, 3), (1, 100, 1), (10, 0, None), (10, -1, None), (0, 5, 0), (-3, 1, 0)],
)
def test_uses_until_is_the_papers_formula(cost, saved, expected):
    assert uses_until(cost, saved) == expected


def test_an_interval_that_touches_zero_may_never_pay():
    found = break_even("no cache", Cost(0, 10), Cost(30, 7), (-1.0, 6.0))
    assert (found.saved_each, found.reuses, found.interval) == (3, 10, (5, None))


@given(st.floats(0.01, 1e6), st.floats(-10.0, 1e6), st.floats(0.0, 1.0))
def test_the_hit_rate_is_where_mean_costs_are_equal(cost, saved, rate):
    """A use costs (1 - rate) * cost more than a hit, and saves as much as a hit does."""
    needed = hit_rate(cost, saved)
    pays = saved >= (1 - rate) * cost
    if needed is None:
        assert saved <= 0
    elif abs(rate - needed) > 1e-9:
        assert pays == (rate > needed)


def test_loading_wins_where_it_takes_less_time():
    bandwidth = load_bandwidth(4e9, 0.5)
    assert bandwidth == 8e9
    assert 4e9 / (1.01 * bandwidth) < 0.5 < 4e9 / (0.99 * bandwidth)
    assert load_bandwidth(0, 1) is load_bandwidth(1, 0) is None


def test_a_saving_without_an_interval_gives_none():
    assert break_even("no cache", Cost(0, 10), Cost(30, 7)).interval is None


whole = st.integers(1, 10**9)


@given(whole, whole, whole, whole)
def test_net_break_even_is_where_the_cost_curves_cross(base_once, base_each, once, each):
    base, compressed = Cost(base_once, base_each), Cost(once, each)
    net = break_even("x", base, compressed).net
    if net is None:
        # Parallel, or cheaper only until the curves cross the other way round, which is before 10**10 uses.
        assert each >= base_each
        assert each == base_each or compressed.after(10**10) > base.after(10**10)
    else:
        assert compressed.after(net) <= base.after(net)
        assert net == 0 or compressed.after(net - 1) > base.after(net - 1)


def test_curves_and_storage():
    assert sampled_uses(30) == (1, 2, 3, 5, 7, 10, 20, 30)
    assert cost_curve("gist", Cost(100, 2), (1, 10)).totals == (102, 120)
    found = storage("gist", 1_048_576, 80 * 2**30)
    assert found.fits == 81_920
    assert found.totals[10**9] == 1_048_576 * 10**9
    assert storage("no cache", 0, 100).fits is None


def test_what_if_on_llama_at_26_and_4000_tokens():
    """The paper's mean prompt saves next to nothing against a cached one; a system prompt's does."""
    model = load_shape("llama-7b")
    short = what_if(model, Scenario(26, 1, 34, 1, 1))
    long = what_if(model, Scenario(4000, 1, 34, 1, 1))
    for found in (short, long):
        none, cached, gist, negative = found.modes
        assert [mode.name for mode in found.modes] == [NO_CACHE, WHOLE_CACHE, GIST, NEGATIVE]
        assert negative.flops.each < gist.flops.each < cached.flops.each < none.flops.each
        assert gist.stored_bytes == 524_288  # 32 layers x 2 x 4096 in two bytes
    saved = [1 - f.mode(GIST).flops.each / f.mode(WHOLE_CACHE).flops.each for f in (short, long)]
    assert saved[0] < 0.002 and 0.1 < saved[1] < 0.2
    against_none = short.in_flops[0]
    expected = forward(model.closed, 27, 0, logits=0).total
    assert short.mode(GIST).flops.once == expected
    assert against_none.reuses == 2 and short.in_flops[1].reuses > 500
    # A whole-prompt cache has to be filled as well: only the gist token itself is extra.
    assert short.in_flops[1].net < short.in_flops[1].reuses
    assert long.mode(WHOLE_CACHE).stored_bytes == 4000 * long.mode(GIST).stored_bytes


def test_batches_make_the_cache_what_bounds_the_time():
    """With one row reading the weights bounds decoding; with many rows reading their caches does."""
    model = load_shape("llama-7b")
    ratio = {}
    for batch in (1, 64):
        found = what_if(model, Scenario(1000, 1, 34, 100, batch))
        ratio[batch] = found.mode(WHOLE_CACHE).seconds.each / found.mode(GIST).seconds.each
    assert ratio[1] < 1.1 < 1.5 < ratio[64]


def test_sweep_takes_every_combination_and_works_for_t5():
    models = [load_shape("llama-7b"), load_shape("flan-t5-xxl")]
    found = list(what_if_grid(models, (26, 400), (1, 10), (1, 8), 30, 16))
    assert len(found) == 16
    assert all(item.in_flops[0].reuses for item in found)
    t5 = next(item for item in found if item.shape == "flan-t5-xxl")
    assert t5.mode(GIST).stored_bytes == 2 * (2 * 24 * 4096 + 4096)


def test_what_cannot_be_swept_is_refused():
    with pytest.raises(GistevalError, match="gpt2"):
        what_if(describe_config("x", {"model_type": "gpt2"}), Scenario(5, 1, 5, 1, 1))
    with pytest.raises(GistevalError, match="at least 1"):
        Scenario(0, 1, 5, 1, 1)
    with pytest.raises(GistevalError, match="gist token"):
        Scenario(5, 0, 5, 1, 1)
