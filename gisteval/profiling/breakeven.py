"""When compression pays: reuses until it has earned its own cost, and what storing prompts takes.

Costs are in any one unit (FLOPs, seconds). A baseline costs `once` when a prompt is new (0 without caching,
one pass over the prompt for a whole-prompt cache) and `each` at every use.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

STORED_PROMPTS = (1_000, 1_000_000, 1_000_000_000)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a way to serve a prompt costs: `once` when it is new, `each` at every use."""

    once: float
    each: float

    def after(self, uses: int) -> float:
        """Total cost of the first `uses` uses."""
        return self.once + uses * self.each


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Uses of one prompt until compressing it costs no more than a baseline; None: it never pays.

    reuses: N* = ceil(t_compress / (t_baseline - t_compressed)), which credits the baseline with no cost of
    its own. net: the same with the baseline's `once` subtracted from t_compress, the crossing of the two
    cost curves (0: ahead from the start). interval: N* at the two ends of the saving's interval, fewest
    uses first; None where the saving has none, be it exact or measured too seldom.
    """

    baseline: str
    saved_each: float
    reuses: int | None
    net: int | None
    interval: tuple[int | None, int | None] | None = None


def uses_until(cost: float, saved_each: float) -> int | None:
    """ceil(cost / saved_each), 0 if there is nothing to earn back, None (infinite) if nothing is saved."""
    if cost <= 0 and saved_each >= 0:
        return 0
    if saved_each <= 0:
        return None
    return math.ceil(cost / saved_each)


def break_even(
    baseline: str, base: Cost, compressed: Cost, interval: tuple[float, float] | None = None
) -> BreakEven:
    """interval: of the saving `base.each - compressed.each`, where that was measured."""
    saved = base.each - compressed.each
    ends = None
    if interval is not None:
        ends = uses_until(compressed.once, max(interval)), uses_until(compressed.once, min(interval))
    return BreakEven(
        baseline=baseline,
        saved_each=saved,
        reuses=uses_until(compressed.once, saved),
        net=uses_until(compressed.once - base.once, saved),
        interval=ends,
    )


@dataclass(frozen=True, slots=True)
class CostCurve:
    """Total cost of a way to serve a prompt after each of several numbers of uses."""

    name: str
    uses: tuple[int, ...]
    totals: tuple[float, ...]


def cost_curve(name: str, cost: Cost, uses: Sequence[int]) -> CostCurve:
    """The curve of one way to serve a prompt."""
    return CostCurve(name, tuple(uses), tuple(cost.after(count) for count in uses))


def sampled_uses(most: int) -> tuple[int, ...]:
    """1, 2, 3, 5, 7, 10, ... up to `most`: enough points for a logarithmic axis."""
    found, scale = [], 1
    while scale <= most:
        found += [scale * digit for digit in (1, 2, 3, 5, 7) if scale * digit <= most]
        scale *= 10
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Storage:
    """Bytes to keep prompts ready; fits: how many go into the memory budget (None: any number)."""

    name: str
    bytes_per_prompt: float
    totals: dict[int, float]
    budget: int
    fits: int | None


def storage(name: str, bytes_per_prompt: float, budget: int) -> Storage:
    """Storage of 1,000, 10^6 and 10^9 prompts, and the prompts that fit into `budget` bytes."""
    return Storage(
        name=name,
        bytes_per_prompt=bytes_per_prompt,
        totals={count: count * bytes_per_prompt for count in STORED_PROMPTS},
        budget=budget,
        fits=int(budget // bytes_per_prompt) if bytes_per_prompt else None,
    )
