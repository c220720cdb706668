"""Totals of a replayed log, how far the cheapest way lies ahead, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gisteval.billing.replay import Replay
from gisteval.stats import FloatArray

DRAWS = 4000
CONFIDENCE = 0.95
FEWEST_PROMPTS = 12
"""With fewer prompts a bootstrap covers too little, so that no interval is given."""


BLOCK = 2_000_000
"""Numbers that are drawn at once, which bounds memory."""


@dataclass(frozen=True, slots=True)
class WayCost:
    """What a log costs in one way.

    Attributes:
        way: The way.
        dollars: For the whole log.
        per_thousand: For 1,000 requests.
        hit_rate: Share of the requests whose prompt a cache had; None where nothing is cached.
        above: Percent of this way's cost that the cheapest saves; 0 for the cheapest.
        low: Lower end of its interval; None without one.
        high: Upper end.
        wins: Share of the draws in which this way is the cheapest; None without an interval.
    """

    way: str
    dollars: float
    per_thousand: float
    hit_rate: float | None
    above: float
    low: float | None
    high: float | None
    wins: float | None


def totals(found: Replay, requests: int, seed: int = 0) -> tuple[WayCost, ...]:
    """Add a replay's costs up, the cheapest way first.

    The interval is the percentile one of a bootstrap over prompts: B. Efron and R. Tibshirani, "An
    Introduction to the Bootstrap", 1993, chapter 13. The log's prompts are taken for a sample of those to
    come. Requests behind one prompt are drawn together.

    Args:
        found: The replay.
        requests: How many there are.
        seed: Of the draws.
    """
    sums = found.dollars.sum(axis=0)
    best = int(sums.argmin())
    prompts = len(found.prompts)
    drawn = _drawn(found.dollars, np.random.default_rng(seed))
    wins = np.bincount(drawn.argmin(axis=1), minlength=len(sums)) / DRAWS
    with np.errstate(invalid="ignore", divide="ignore"):
        saved = 100 * (1 - drawn[:, [best]] / drawn)
    tail = 50 * (1 - CONFIDENCE)
    rows = []
    for column in np.argsort(sums, kind="stable"):
        low, high = (float(end) for end in np.percentile(saved[:, column], [tail, 100 - tail]))
        bounded = prompts >= FEWEST_PROMPTS and column != best and high - low > 1e-9
        total = float(sums[column])
        rows.append(
            WayCost(
                found.ways[column],
                total,
                1000 * total / requests,
                found.hit_rates[column],
                100 * (1 - float(sums[best]) / total) if total else 0.0,
                low if bounded else None,
                high if bounded else None,
                float(wins[column]) if prompts >= FEWEST_PROMPTS else None,
            )
        )
    return tuple(rows)


def _drawn(dollars: FloatArray, generator: np.random.Generator) -> FloatArray:
    """Totals of logs whose prompts are drawn with replacement, shape (DRAWS, ways)."""
    prompts = len(dollars)
    block = max(1, BLOCK // prompts)
    parts = []
    for start in range(0, DRAWS, block):
        size = min(block, DRAWS - start)
        parts.append(generator.multinomial(prompts, [1 / prompts] * prompts, size=size) @ dollars)
    return np.concatenate(parts)
