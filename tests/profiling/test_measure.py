"""Timed passes on tiny random models: what runs, what is kept, what is compared."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving_modes import EXAMPLES, lengths, serving_modes

from gisteval.errors import GistevalError
from gisteval.profiling.accounts import flop_source, mean_flops
from gisteval.profiling.budget import TimeBudget
from gisteval.profiling.closed_form import decode, forward
from gisteval.profiling.measure import _spread_out, profile_batch
from gisteval.profiling.passes import PassLengths, PassTimes, ServingMode
from gisteval.profiling.shapes import describe_config


@pytest.fixture
def modes(tiny_model):
    return serving_modes(tiny_model)


def test_a_profile_has_every_mode_phase_and_both_differences(modes, monkeypatch):
    monkeypatch.setattr("gisteval.profiling.measure.MOST_ROUNDS", 8)
    found = profile_batch(modes, EXAMPLES, 2, 4, TimeBudget.of(math.inf))
    assert [timing.mode.name for timing in found.timings] == [mode.name for mode in modes]
    assert [timing.compress is None for timing in found.timings] == [True, False, False, False, True]
    assert {(s.mode, s.baseline, s.phase) for s in found.savings} == {
        (mode, base, phase)
        for mode in ("gist-1", "gist-3")
        for base in ("no cache", "whole-prompt cache")
        for phase in ("prefill", "end_to_end")
    }
    assert (found.rounds, found.left_out) == (8, ())
    for timing in found.timings:
        assert len(timing.lengths) == 8  # the ninth example fills no batch
        assert 0 < timing.prefill.low <= timing.prefill.median <= timing.prefill.high
        assert timing.end_to_end.median > timing.prefill.median
        assert timing.prefill.n == found.rounds


def test_work_is_the_closed_form_of_the_lengths(modes):
    shape = describe_config("tiny", modes[0].model.model.config.to_dict())
    found = lengths(modes[2], EXAMPLES[:1])
    work = mean_flops(flop_source(shape).form, found, steps=5)
    (one,) = found
    assert work.compress == forward(shape.closed, one.compressed, 0, logits=0).total
    assert work.prefill == forward(shape.closed, one.run, one.cached, logits=1).total
    assert work.decode == decode(shape.closed, one.run, one.cached, 5).total


def test_few_rounds_cover_all_lengths_in_a_fixed_order(modes):
    """Whatever a short time allows to measure is not the short examples only, and the same every time."""
    order = _spread_out(list(range(9)))
    assert sorted(order) == list(range(9))
    assert order[:3] == [4, 2, 7]
    for count in (3, 5, 7):
        assert abs(sum(order[:count]) / count - 4) <= 0.7


def test_every_mode_is_served_once_whatever_the_time(modes):
    found = profile_batch(modes, EXAMPLES, 2, 4, TimeBudget.of(0.0))
    assert (found.rounds, found.stopped) == (1, "budget")
    assert found.left_out == ("warming up", "peak memory", "3 of 4 batches of examples")
    assert [timing.mode.name for timing in found.timings] == [mode.name for mode in modes]
    for timing in found.timings:
        assert len(timing.lengths) == 2 and timing.peak is None
        assert timing.end_to_end.proven is None and timing.end_to_end.low is None
    assert all(saving.percent_interval is None for saving in found.savings)
    assert profile_batch(modes, EXAMPLES, 2, 4, TimeBudget.of(0.0), must=False) is None


@given(st.floats(0, 60), st.lists(st.floats(0.01, 20), min_size=5, max_size=5), st.sampled_from([1, 2, 4]))
def test_time_is_kept_however_slow_a_pass_is(budget, seconds, batch_size):
    """On a clock of its own: at most the first round, or the budget and one pass that it cut off."""
    now = [0.0]
    names = [str(number) for number in range(len(seconds))]
    kinds = ["no_cache", "whole_cache", "compressed", "compressed", "negative"]
    slow = [
        ServingMode(name, kind, SimpleNamespace(device="none"), None)
        for name, kind in zip(names, kinds, strict=True)
    ]

    def serve(mode, examples, output_tokens):
        now[0] += seconds[int(mode.name)]
        return PassTimes(0.1, 0.1, 0.1, (PassLengths(1, 1, 1, 1),) * len(examples))

    def peak(work, device):
        work()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.monotonic", lambda: now[0])
        patch.setattr("gisteval.profiling.measure.timed_pass", serve)
        patch.setattr("gisteval.profiling.measure.peak_memory", peak)
        patch.setattr("gisteval.profiling.measure.compress_parts", lambda mode, examples: {"pass": 0.1})
        patch.setattr("gisteval.profiling.measure.MOST_ROUNDS", 20)
        found = profile_batch(slow, EXAMPLES, batch_size, 4, TimeBudget.of(budget))
    assert now[0] <= max(budget, sum(seconds)) + max(seconds)
    assert {timing.end_to_end.n for timing in found.timings} == {found.rounds}
    assert {len(timing.lengths) for timing in found.timings} == {
        min(found.rounds, len(EXAMPLES) // batch_size) * batch_size
    }
    # Nothing is left out that there was time for.
    assert ("warming up" in found.left_out) <= (budget < 2 * sum(seconds) + 1e-9)
    assert (found.stopped == "rounds") == (found.rounds == 20)


def test_what_cannot_be_measured_is_refused(modes):
    with pytest.raises(GistevalError, match="fill a batch of 10"):
        profile_batch(modes, EXAMPLES, 10, 4, TimeBudget.of(0.1))
