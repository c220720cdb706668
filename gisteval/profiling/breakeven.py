"""When compression pays: the reuses that earn back its cost, and the memory that stored prompts need.

All costs of one computation have the same unit (FLOPs or seconds). A baseline costs `once` when a prompt
is new (0 without caching, one pass over the prompt for a whole-prompt cache) and `each` at every use.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

STORED_PROMPTS = (1_000, 1_000_000, 1_000_000_000)


@dataclass(frozen=True, slots=True)
class Cost:
    """The cost of one serving mode: `once` when a prompt is new, `each` at every use."""

    once: float
    each: float

    def after(self, uses: int) -> float:
        """Return the total cost of the first `uses` uses."""
        return self.once + uses * self.each


@dataclass(frozen=True, slots=True)
class BreakEven:
    """The number of uses of one prompt after which compressing it costs no more than a baseline.

    A number of None means that compression never pays.

    Attributes:
        baseline: The serving mode that it is compared with.
        saved_each: What one use saves.
        reuses: N* = ceil(t_compress / (t_baseline - t_compressed)). The baseline is taken to have no cost
            of its own.
        net: The same after the baseline's `once` is subtracted from t_compress, which is where the two
            cost curves cross. 0 means ahead from the start.
        hit_rate: The share of uses that must find the compressed prompt stored, where the others compress
            it anew: 1 - saved_each / t_compress, from 0. None if compression never pays.
        interval: N* at the two ends of the saving's interval, fewest uses first. None if the saving has
            no interval, because it is exact or has too few measurements.
    """

    baseline: str
    saved_each: float
    reuses: int | None
    net: int | None
    hit_rate: float | None = None
    interval: tuple[int | None, int | None] | None = None


def uses_until(cost: float, saved_each: float) -> int | None:
    """Return ceil(cost / saved_each): 0 without a cost to earn back, None (infinity) without a saving."""
    if cost <= 0 and saved_each >= 0:
        return 0
    if saved_each <= 0:
        return None
    return math.ceil(cost / saved_each)


def hit_rate(cost: float, saved_each: float) -> float | None:
    """Return the share of uses that must be spared a cost for the saving to cover it; None if none does."""
    if cost <= 0 and saved_each >= 0:
        return 0.0
    return None if saved_each <= 0 else max(0.0, 1.0 - saved_each / cost)


def load_bandwidth(stored_bytes: float, seconds: float) -> float | None:
    """Return the bytes a second from which stored states are loaded faster than they are made anew.

    None if they take no time to make, or no bytes.
    """
    return stored_bytes / seconds if seconds > 0 and stored_bytes > 0 else None


def break_even(
    baseline: str, base: Cost, compressed: Cost, interval: tuple[float, float] | None = None
) -> BreakEven:
    """Compare the cost of compression with that of a baseline.

    Args:
        baseline: Name of the baseline.
        base: Its cost.
        compressed: The cost of compression, in the same unit.
        interval: Interval of the saving `base.each - compressed.each`, if that was measured.
    """
    saved = base.each - compressed.each
    ends = None
    if interval is not None:
        ends = uses_until(compressed.once, max(interval)), uses_until(compressed.once, min(interval))
    return BreakEven(
        baseline=baseline,
        saved_each=saved,
        reuses=uses_until(compressed.once, saved),
        net=uses_until(compressed.once - base.once, saved),
        hit_rate=hit_rate(compressed.once, saved),
        interval=ends,
    )


@dataclass(frozen=True, slots=True)
class CostCurve:
    """The total cost of one serving mode after each of several numbers of uses."""

    name: str
    uses: tuple[int, ...]
    totals: tuple[float, ...]


def cost_curve(name: str, cost: Cost, uses: Sequence[int]) -> CostCurve:
    """Return the cost curve of one serving mode."""
    return CostCurve(name, tuple(uses), tuple(cost.after(count) for count in uses))


def sampled_uses(most: int) -> tuple[int, ...]:
    """Return 1, 2, 3, 5, 7, 10, ... up to `most`, which are enough points for a logarithmic axis."""
    uses, scale = [], 1
    while scale <= most:
        uses += [scale * digit for digit in (1, 2, 3, 5, 7) if scale * digit <= most]
        scale *= 10
    return tuple(uses)


@dataclass(frozen=True, slots=True)
class Storage:
    """The memory that stored prompts need.

    Attributes:
        name: The serving mode.
        bytes_per_prompt: Bytes of one stored prompt.
        totals: Bytes by number of prompts.
        budget: Bytes of memory for them.
        fits: Prompts that fit into the budget. None means any number.
    """

    name: str
    bytes_per_prompt: float
    totals: dict[int, float]
    budget: int
    fits: int | None


def storage(name: str, bytes_per_prompt: float, budget: int) -> Storage:
    """Return the memory of 1,000, 10^6 and 10^9 prompts, and how many fit into `budget` bytes."""
    return Storage(
        name=name,
        bytes_per_prompt=bytes_per_prompt,
        totals={count: count * bytes_per_prompt for count in STORED_PROMPTS},
        budget=budget,
        fits=int(budget // bytes_per_prompt) if bytes_per_prompt else None,
    )
