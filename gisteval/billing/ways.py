"""Ways to serve a prompt that many requests share, and where one becomes cheaper than another.

In the price of a fresh token of input, with w the price of writing to the provider's cache, c that of
reading from it, rho the share of the prompt that compression keeps, and q what the compressor costs a token
of the prompt, N uses of a prompt within one lifetime of the cache cost, a token of it:

    whole, not cached             N
    whole, cached                 w + (N - 1) c
    compressed once, cached       q + rho (w + (N - 1) c)
    compressed for each query     N (rho + q)

A prompt that is compressed for each query is another text at each use, so no cache holds it. It beats the
cached whole prompt up to (w - c) / (rho - c) uses (with q = 0), and for ever where rho <= c.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from gisteval.billing.prices import Price

WHOLE, WHOLE_CACHED = "whole, not cached", "whole, cached"
COMPRESSED_CACHED, PER_QUERY = "compressed once, cached", "compressed per query"
WAYS = (WHOLE, WHOLE_CACHED, COMPRESSED_CACHED, PER_QUERY)


@dataclass(frozen=True, slots=True)
class Line:
    """The cost of a prompt after N uses: `once` + N `each`."""

    once: float
    each: float

    def after(self, uses: float) -> float:
        """The cost of so many uses."""
        return self.once + uses * self.each


@dataclass(frozen=True, slots=True)
class Stretch:
    """From how many uses of a prompt on a way is the cheapest, until the next stretch begins."""

    uses: int
    way: str


@dataclass(frozen=True, slots=True)
class Compression:
    """What compression is taken to do. kept: share of the prompt; price: dollars a million tokens read."""

    kept: float
    price: float = 0.0


def prompt_dollars(tokens: int, price: Price, compression: Compression) -> dict[str, Line]:
    """What a prompt costs by way, in dollars, by its uses within one lifetime of the cache."""
    short = round(tokens * compression.kept)
    compressing = tokens * compression.price / 1e6
    cached = _cached(short, price)
    return {
        WHOLE: Line(0.0, tokens * price.fresh / 1e6),
        WHOLE_CACHED: _cached(tokens, price),
        COMPRESSED_CACHED: Line(compressing + cached.once, cached.each),
        PER_QUERY: Line(0.0, short * price.fresh / 1e6 + compressing),
    }


def is_cached(tokens: int, price: Price) -> bool:
    """Whether the provider's cache takes a prompt of this length."""
    return price.minimum is not None and tokens >= price.minimum


def _cached(tokens: int, price: Price) -> Line:
    if not is_cached(tokens, price):
        return Line(0.0, tokens * price.fresh / 1e6)
    return Line(tokens * (price.write - price.read) / 1e6, tokens * price.read / 1e6)


def flip(first: Line, then: Line) -> float:
    """The number of uses at which two ways cost the same; infinite if they never do."""
    saved = first.each - then.each
    return math.inf if saved == 0.0 else (then.once - first.once) / saved


def cheapest_by_uses(lines: Mapping[str, Line]) -> tuple[Stretch, ...]:
    """The cheapest way by the number of uses, from one use on; of equal ones the first."""
    uses, found = 1, []
    while True:
        way = min(lines, key=lambda name: (lines[name].after(uses), lines[name].each))
        found.append(Stretch(uses, way))
        ends = [
            _first_cheaper(lines[way], line, uses) for line in lines.values() if line.each < lines[way].each
        ]
        if not ends:
            return tuple(found)
        uses = min(ends)


def _first_cheaper(line: Line, other: Line, uses: int) -> int:
    """The first number of uses above `uses` at which another, flatter line costs less."""
    count = max(uses + 1, math.floor(flip(line, other)))
    while other.after(count) >= line.after(count):
        count += 1
    return count
