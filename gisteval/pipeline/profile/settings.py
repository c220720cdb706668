"""What-if sweeps as plain content of profile.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from gisteval.profiling.breakeven import cost_curve, sampled_uses, storage
from gisteval.profiling.whatif import WhatIf
from gisteval.report.data import PROFILE_VERSION

CURVE_USES = 10_000
"""Uses of a prompt up to which curves of total cost go."""


def what_if_content(found: Sequence[WhatIf], budget: int) -> dict[str, Any]:
    """A what-if sweep. budget: bytes of memory for stored prompts, or for a running batch."""
    first = found[0]
    return {
        "schema_version": PROFILE_VERSION,
        "kind": "what_if",
        "machine": asdict(first.machine),
        "input_tokens": first.scenario.input_tokens,
        "output_tokens": first.scenario.output_tokens,
        "value_bytes": first.scenario.value_bytes,
        "memory_budget": budget,
        "rows": [{**scenario_content(item, budget), "curves": _curves(item)} for item in found],
    }


def scenario_content(item: WhatIf, budget: int | None = None) -> dict[str, Any]:
    """One scenario: its ways and when gisting pays; with a budget, what fits into it as well."""
    return {
        "shape": item.shape,
        "prompt_tokens": item.scenario.prompt_tokens,
        "k": item.scenario.gist_tokens,
        "batch": item.scenario.batch,
        "ways": [
            {
                "name": mode.name,
                "flops_once": mode.flops.once,
                "flops_each": mode.flops.each,
                "seconds_once": mode.seconds.once,
                "seconds_each": mode.seconds.each,
                "batch_bytes": mode.batch_bytes,
                **(
                    {"stored_bytes": mode.stored_bytes}
                    if budget is None
                    else _stored(mode.stored_bytes, budget)
                ),
            }
            for mode in item.modes
        ],
        "break_even": [
            {"unit": unit, **asdict(even)}
            for unit, evens in (("flops", item.in_flops), ("seconds", item.in_time))
            for even in evens
        ],
    }


def _curves(item: WhatIf) -> list[dict[str, Any]]:
    """Total FLOPs of each mode over the uses of a prompt."""
    uses = sampled_uses(CURVE_USES)
    return [asdict(cost_curve(mode.name, mode.flops, uses)) for mode in item.modes]


def _stored(size: int, budget: int) -> dict[str, Any]:
    found = storage("", size, budget)
    return {"stored_bytes": size, "stored_totals": found.totals, "prompts_that_fit": found.fits}
