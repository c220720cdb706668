"""What-if scenarios as the content of profile.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from gisteval.profiling.breakeven import BreakEven, CostCurve, Storage, cost_curve, sampled_uses, storage
from gisteval.profiling.whatif import ServingCost, WhatIf
from gisteval.records.machine_facts import PublishedMachine
from gisteval.records.profile_facts import (
    PROFILE_VERSION,
    BreakEvenFacts,
    CurveFacts,
    ScenarioFacts,
    Unit,
    WayFacts,
    WhatIfProfile,
)

CURVE_USES = 10_000
"""Largest number of uses of a prompt in the curves of total cost."""


def what_if_content(scenarios: Sequence[WhatIf], budget: int) -> WhatIfProfile:
    """Return the content of profile.json for what-if scenarios.

    Args:
        scenarios: The scenarios, which share input and output lengths and the machine.
        budget: Bytes of memory for stored prompts, or for a running batch.
    """
    first = scenarios[0]
    return WhatIfProfile(
        schema_version=PROFILE_VERSION,
        machine=PublishedMachine(**asdict(first.machine)),
        input_tokens=first.scenario.input_tokens,
        output_tokens=first.scenario.output_tokens,
        value_bytes=first.scenario.value_bytes,
        memory_budget=budget,
        rows=tuple(replace(scenario_content(item, budget), curves=_curves(item)) for item in scenarios),
    )


def scenario_content(item: WhatIf, budget: int | None = None) -> ScenarioFacts:
    """Return the facts of one scenario: its serving modes, and when gist tokens pay.

    Args:
        item: The scenario.
        budget: Bytes of memory for stored prompts. None leaves out how many fit.
    """
    units: tuple[tuple[Unit, tuple[BreakEven, ...]], ...]
    units = (("flops", item.in_flops), ("seconds", item.in_time))
    return ScenarioFacts(
        shape=item.shape,
        prompt_tokens=item.scenario.prompt_tokens,
        k=item.scenario.gist_tokens,
        batch=item.scenario.batch,
        ways=tuple(_way_facts(mode, budget) for mode in item.modes),
        break_even=tuple(break_even_facts(even, unit) for unit, evens in units for even in evens),
    )


def break_even_facts(even: BreakEven, unit: Unit, system: str | None = None) -> BreakEvenFacts:
    """Return the facts of when compression pays.

    Args:
        even: The break-even point.
        unit: The unit of its costs.
        system: Name of the serving mode, if there are several.
    """
    return BreakEvenFacts(
        system=system,
        unit=unit,
        baseline=even.baseline,
        saved_each=even.saved_each,
        reuses=even.reuses,
        net=even.net,
        hit_rate=even.hit_rate,
        interval=even.interval,
    )


def curve_facts(curve: CostCurve) -> CurveFacts:
    """Return the facts of a curve of total cost over the uses of a prompt."""
    return CurveFacts(curve.name, curve.uses, curve.totals)


def _curves(item: WhatIf) -> tuple[CurveFacts, ...]:
    """Total FLOPs of each mode over the uses of a prompt."""
    uses = sampled_uses(CURVE_USES)
    return tuple(curve_facts(cost_curve(mode.name, mode.flops, uses)) for mode in item.modes)


def _way_facts(mode: ServingCost, budget: int | None) -> WayFacts:
    stored = None if budget is None else storage("", mode.stored_bytes, budget)
    return WayFacts(
        name=mode.name,
        flops_once=mode.flops.once,
        flops_each=mode.flops.each,
        seconds_once=mode.seconds.once,
        seconds_each=mode.seconds.each,
        batch_bytes=mode.batch_bytes,
        stored_bytes=mode.stored_bytes,
        stored_totals=None if stored is None else stored_totals(stored),
        prompts_that_fit=None if stored is None else stored.fits,
    )


def stored_totals(stored: Storage) -> dict[str, float]:
    """Return the bytes of many prompts by their number, which is text as in JSON."""
    return {str(count): size for count, size in stored.totals.items()}
