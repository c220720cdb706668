"""What-if sweeps as the content of profile.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace

from gisteval.profiling.breakeven import BreakEven, CostCurve, Storage, cost_curve, sampled_uses, storage
from gisteval.profiling.whatif import Way, WhatIf
from gisteval.records.profile_facts import (
    PROFILE_VERSION,
    BreakEvenFacts,
    CurveFacts,
    PublishedMachine,
    ScenarioFacts,
    Unit,
    WayFacts,
    WhatIfProfile,
)

CURVE_USES = 10_000
"""Uses of a prompt up to which curves of total cost go."""


def sweep_content(scenarios: Sequence[WhatIf], budget: int) -> WhatIfProfile:
    """A what-if sweep. budget: bytes of memory for stored prompts, or for a running batch."""
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
    """One scenario: its ways and when gisting pays; with a budget, what fits into it as well."""
    units: tuple[tuple[Unit, tuple[BreakEven, ...]], ...]
    units = (("flops", item.in_flops), ("seconds", item.in_time))
    return ScenarioFacts(
        shape=item.shape,
        prompt_tokens=item.scenario.prompt_tokens,
        k=item.scenario.gist_tokens,
        batch=item.scenario.batch,
        ways=tuple(_way(way, budget) for way in item.ways),
        break_even=tuple(break_even_facts(even, unit) for unit, evens in units for even in evens),
    )


def break_even_facts(even: BreakEven, unit: Unit, system: str | None = None) -> BreakEvenFacts:
    """When compressing pays. system: the way, where there are several."""
    return BreakEvenFacts(
        system=system,
        unit=unit,
        baseline=even.baseline,
        saved_each=even.saved_each,
        reuses=even.reuses,
        net=even.net,
        interval=even.interval,
    )


def curve_facts(curve: CostCurve) -> CurveFacts:
    """Total cost over the uses of a prompt."""
    return CurveFacts(curve.name, curve.uses, curve.totals)


def _curves(item: WhatIf) -> tuple[CurveFacts, ...]:
    """Total FLOPs of each way over the uses of a prompt."""
    uses = sampled_uses(CURVE_USES)
    return tuple(curve_facts(cost_curve(way.name, way.flops, uses)) for way in item.ways)


def _way(way: Way, budget: int | None) -> WayFacts:
    stored = None if budget is None else storage("", way.stored_bytes, budget)
    return WayFacts(
        name=way.name,
        flops_once=way.flops.once,
        flops_each=way.flops.each,
        seconds_once=way.seconds.once,
        seconds_each=way.seconds.each,
        batch_bytes=way.batch_bytes,
        stored_bytes=way.stored_bytes,
        stored_totals=None if stored is None else stored_totals(stored),
        prompts_that_fit=None if stored is None else stored.fits,
    )


def stored_totals(stored: Storage) -> dict[str, float]:
    """Bytes of many prompts, by their number as JSON writes it."""
    return {str(count): size for count, size in stored.totals.items()}
