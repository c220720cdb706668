"""A usage log replayed: what each way to serve its prompts would have cost, prompt by prompt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gisteval.billing.prices import Price, Prices
from gisteval.billing.usage import Request
from gisteval.billing.ways import (
    COMPRESSED_CACHED,
    PER_QUERY,
    WAYS,
    WHOLE,
    WHOLE_CACHED,
    Compression,
    is_cached,
)
from gisteval.stats import FloatArray


@dataclass(frozen=True, slots=True)
class Replay:
    """What a log costs.

    Attributes:
        ways: The ways.
        prompts: Ids of the prompts.
        dollars: Cost of each prompt's requests by way, shape (prompts, ways).
        hit_rates: Share of the requests whose prompt a cache had, by way; None where nothing is cached.
    """

    ways: tuple[str, ...]
    prompts: tuple[str, ...]
    dollars: FloatArray
    hit_rates: tuple[float | None, ...]


@dataclass(slots=True)
class _Cache:
    """The provider's cache of one way: when each prompt was last used, and how often it was there."""

    last: dict[tuple[str, str], float] = field(default_factory=dict)
    hits: int = 0
    taken: int = 0

    def dollars(self, request: Request, tokens: int, price: Price) -> float:
        """What the prompt of a request costs, which keeps it in the cache for another lifetime."""
        if not is_cached(tokens, price):
            return tokens * price.fresh / 1e6
        place = request.model, request.prompt
        hit = request.time - self.last.get(place, -math.inf) <= price.seconds
        self.last[place] = request.time
        self.taken += 1
        self.hits += hit
        return tokens * (price.read if hit else price.write) / 1e6


def replay(requests: Sequence[Request], prices: Prices, compression: Compression) -> Replay:
    """Replay a log under a provider's prices.

    Args:
        requests: In order of time.
        prices: Of each request's model and day.
        compression: The share that is kept, and what a compressor asks.
    """
    numbers: dict[str, int] = {}
    for request in requests:
        numbers.setdefault(request.prompt, len(numbers))
    dollars = np.zeros((len(numbers), len(WAYS)))
    caches = {WHOLE_CACHED: _Cache(), COMPRESSED_CACHED: _Cache()}
    compressed: set[str] = set()
    for request in requests:
        price = prices.at(request.model, request.time)
        short = round(request.shared * compression.kept)
        compressing = request.shared * compression.price / 1e6
        rest = (request.own * price.fresh + request.output * price.output) / 1e6
        once = 0.0 if request.prompt in compressed else compressing
        compressed.add(request.prompt)
        prompt = {
            WHOLE: request.shared * price.fresh / 1e6,
            WHOLE_CACHED: caches[WHOLE_CACHED].dollars(request, request.shared, price),
            COMPRESSED_CACHED: once + caches[COMPRESSED_CACHED].dollars(request, short, price),
            PER_QUERY: short * price.fresh / 1e6 + compressing,
        }
        dollars[numbers[request.prompt]] += [rest + prompt[way] for way in WAYS]
    rates = tuple(
        caches[way].hits / len(requests) if way in caches and caches[way].taken else None for way in WAYS
    )
    return Replay(WAYS, tuple(numbers), dollars, rates)
