from __future__ import annotations

import math
from types import SimpleNamespace

import pytest
from serving_modes import EXAMPLES, serving_modes

from gisteval.pipeline.profile.energy import TIME_SHARE, batch_energy, kept_back, modelled_energy
from gisteval.pipeline.profile.options import ProfileOptions
from gisteval.profiling.breakeven import uses_until
from gisteval.profiling.budget import TimeBudget
from gisteval.profiling.energy import Energy
from gisteval.profiling.measure import profile_batch

ENDLESS = TimeBudget.of(math.inf)


@pytest.fixture
def measured(tiny_model, monkeypatch):
    """Modes and their measurements in a batch of 2."""
    monkeypatch.setattr("gisteval.profiling.measure.MOST_ROUNDS", 2)
    modes = serving_modes(tiny_model)
    return modes, profile_batch(modes, EXAMPLES, 2, 4, ENDLESS)


def test_modelled_joules_are_watts_times_the_measured_times(measured) -> None:
    _, batch = measured
    facts = modelled_energy(batch, 50.0)
    assert (facts.kind, facts.source) == ("modelled", "50 W times the measured seconds")
    for way, timing in zip(facts.ways, batch.timings, strict=True):
        assert way.each == pytest.approx(25 * timing.end_to_end.median)
        made = None if timing.compress is None else pytest.approx(25 * timing.compress.median)
        assert way.compress == made
    once = {way.name: way.compress or 0.0 for way in facts.ways}
    for pays in facts.break_even:
        assert pays.reuses == uses_until(once[pays.system], pays.saved_each)


def test_given_watts_leave_the_counter_alone(measured) -> None:
    modes, batch = measured
    options = ProfileOptions(model="m", watts=10.0)
    meter = SimpleNamespace(source="counter", joules=lambda: pytest.fail("it was read"))
    facts, notes = batch_energy(batch, modes, EXAMPLES, options, meter, ENDLESS)
    assert facts is not None and (facts.kind, notes) == ("modelled", [])


def test_what_a_counter_told_is_measured(measured, monkeypatch) -> None:
    modes, batch = measured
    joules = [Energy(mode.name, 4.0, 2.0 * (1 + place)) for place, mode in enumerate(modes)]
    monkeypatch.setattr("gisteval.pipeline.profile.energy.measure_energy", lambda *_: joules)
    options, meter = ProfileOptions(model="m"), SimpleNamespace(source="counter")
    facts, notes = batch_energy(batch, modes, EXAMPLES, options, meter, ENDLESS)
    assert facts is not None and (facts.kind, facts.source, notes) == ("measured", "counter", [])
    assert [way.each for way in facts.ways] == [1.0, 2.0, 3.0, 4.0, 5.0]  # a prompt, of a batch of 2


def test_no_counter_and_no_watts_is_no_energy_and_no_time_is_a_note(measured) -> None:
    modes, batch = measured
    options, meter = ProfileOptions(model="m"), SimpleNamespace(source="counter", joules=lambda: 0.0)
    assert batch_energy(batch, modes, EXAMPLES, options, None, ENDLESS) == (None, [])
    facts, (note,) = batch_energy(batch, modes, EXAMPLES, options, meter, TimeBudget.of(0))
    assert facts is None and note.startswith("Energy: left out")


def test_time_is_kept_back_for_it() -> None:
    assert kept_back(TimeBudget.of(100)).left == pytest.approx(100 * (1 - TIME_SHARE), abs=1)
