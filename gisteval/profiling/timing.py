"""Clocks, and medians of repeated timings with their intervals."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

FEWEST_FOR_95 = 6
"""Below this number of values no order statistics enclose the median with 95% confidence."""

FEWEST_FOR_RANGE = 3
"""Below this number of values their range says nothing about another one."""


@dataclass(frozen=True, slots=True)
class Median:
    """A median with its distribution-free interval; confidence: what that interval really covers.

    low and high are None (and confidence 0) where there is no interval: with too few values, or where the
    clock could not tell them apart. Equal values are no certainty.
    """

    median: float
    low: float | None
    high: float | None
    n: int
    confidence: float

    @property
    def relative_half_width(self) -> float:
        """Half of the interval's width over the median; infinite without one, and for a median of 0."""
        if self.low is None or self.high is None or not self.median:
            return math.inf
        return (self.high - self.low) / 2 / self.median

    @property
    def proven(self) -> tuple[float, float] | None:
        """The interval, if it covers 95%: what a statement may rest on."""
        if self.low is None or self.high is None or self.n < FEWEST_FOR_95:
            return None
        return self.low, self.high


def median_interval(values: Sequence[float], confidence: float = 0.95) -> Median:
    """The median and the order statistics that enclose it with at least `confidence`.

    x_(r) and x_(n+1-r) enclose the median with probability 1 - 2 P(B < r), B binomial (n, 1/2): H. A.
    David and H. N. Nagaraja, "Order Statistics", 2003, section 7.1. With fewer than six values it is their
    range, which covers less than 95%; with one or two there is none. Raises ValueError without values.
    """
    if not values:
        raise ValueError("a median needs at least one value")
    ordered, n = sorted(values), len(values)
    middle = (ordered[(n - 1) // 2] + ordered[n // 2]) / 2
    rank, tail = 1, 0.5**n  # tail = P(B < rank)
    while rank < (n + 1) // 2:
        wider = tail + math.exp(
            math.lgamma(n + 1) - math.lgamma(rank + 1) - math.lgamma(n - rank + 1) - n * math.log(2)
        )
        if 2 * wider > 1 - confidence:
            break
        rank, tail = rank + 1, wider
    low, high = ordered[rank - 1], ordered[n - rank]
    if n < FEWEST_FOR_RANGE or low == high:
        return Median(middle, None, None, n, 0.0)
    return Median(middle, low, high, n, 1 - 2 * tail)


def sign_test(differences: Sequence[float]) -> float:
    """Two-sided exact p-value of a median of 0; values of 0 tell nothing. 1 without any that does.

    It is at most 5% exactly where the 95% interval of `median_interval` leaves 0 out (W. J. Conover,
    "Practical Nonparametric Statistics", 1999, section 3.4).
    """
    above = sum(value > 0 for value in differences)
    n = above + sum(value < 0 for value in differences)
    tail = sum(math.comb(n, count) for count in range(min(above, n - above) + 1))
    return min(1.0, float(2 * tail / 2**n))


class Stopwatch:
    """Marks between phases: CUDA events on cuda, `perf_counter` elsewhere (after mps is done).

    Events are read once at the end, so that marking does not stall the device.
    """

    def __init__(self, device: torch.device) -> None:
        """device: where the marked work runs."""
        self._device = device
        self._marks: list[float] = []
        self._events: list[torch.cuda.Event] = []

    def mark(self) -> None:
        """The end of one phase and the beginning of the next."""
        if self._device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record(torch.cuda.current_stream(self._device))
            self._events.append(event)
            return
        if self._device.type == "mps":
            torch.mps.synchronize()
        self._marks.append(time.perf_counter())

    def seconds(self) -> list[float]:
        """Seconds between successive marks; waits for the device."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
            pairs = zip(self._events, self._events[1:], strict=False)
            return [first.elapsed_time(second) / 1e3 for first, second in pairs]
        return [after - before for before, after in zip(self._marks, self._marks[1:], strict=False)]


def clock_name(device: torch.device) -> str:
    """How time is taken on a device, for the record."""
    return "cuda events" if device.type == "cuda" else "perf_counter"
