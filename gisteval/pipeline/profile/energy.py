"""The energy of a profile: measured where the machine counts it, modelled where the user gives watts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from gisteval.pipeline.profile.options import ProfileOptions
from gisteval.profiling.breakeven import Cost, break_even
from gisteval.profiling.budget import TimeBudget
from gisteval.profiling.energy import Energy, Meter, measure_energy
from gisteval.profiling.measure import BatchProfile, middle_batch
from gisteval.profiling.passes import ServingMode
from gisteval.records.energy_facts import EnergyBreakEven, EnergyFacts, WayEnergy
from gisteval.records.schema import Example

TIME_SHARE = 0.1
"""Share of the time budget for measuring energy, where the machine counts it."""


def kept_back(budget: TimeBudget) -> TimeBudget:
    """Return what other measurements may take of a budget if energy is measured too."""
    return TimeBudget.of((1 - TIME_SHARE) * budget.left)


def batch_energy(
    batch: BatchProfile,
    modes: Sequence[ServingMode],
    examples: Sequence[Example],
    options: ProfileOptions,
    meter: Meter | None,
    budget: TimeBudget,
) -> tuple[EnergyFacts | None, list[str]]:
    """Return the energy of one batch size, and notes on what was left out.

    It is modelled if the options give watts, measured if there is a meter, and else not given.
    """
    if options.watts is not None:
        return modelled_energy(batch, options.watts), []
    if meter is None:
        return None, []
    middle = middle_batch(examples, batch.batch_size)
    joules = measure_energy(meter, modes, middle, options.decoded_tokens, budget)
    if joules is None:
        return None, [f"Energy: left out, since the time budget ({options.time_budget:g} s) was used up."]
    return measured_energy(batch, joules, meter.source), []


def modelled_energy(batch: BatchProfile, watts: float) -> EnergyFacts:
    """Return the energy of a power that is always the same: watts times the measured medians."""
    joules = [
        Energy(
            timing.mode.name,
            watts * (timing.compress.median if timing.compress else 0.0),
            watts * timing.end_to_end.median,
        )
        for timing in batch.timings
    ]
    return _facts("modelled", f"{watts:g} W times the measured seconds", batch, joules)


def measured_energy(batch: BatchProfile, joules: Sequence[Energy], source: str) -> EnergyFacts:
    """Return what a counter told of a batch of the same size."""
    return _facts("measured", source, batch, joules)


def _facts(
    kind: Literal["measured", "modelled"], source: str, batch: BatchProfile, joules: Sequence[Energy]
) -> EnergyFacts:
    rows = batch.batch_size
    costs = {each.mode: Cost(each.compress / rows, each.each / rows) for each in joules}
    stores = {timing.mode.name: timing.mode.stores for timing in batch.timings}
    found = []
    for saving in batch.savings:
        if saving.phase == "end_to_end":
            pays = break_even(saving.baseline, costs[saving.baseline], costs[saving.mode])
            found.append(
                EnergyBreakEven(
                    system=saving.mode,
                    baseline=saving.baseline,
                    saved_each=pays.saved_each,
                    reuses=pays.reuses,
                    net=pays.net,
                )
            )
    return EnergyFacts(
        kind=kind,
        source=source,
        batch_size=rows,
        ways=tuple(
            WayEnergy(name=name, compress=cost.once if stores[name] else None, each=cost.each)
            for name, cost in costs.items()
        ),
        break_even=tuple(found),
    )
