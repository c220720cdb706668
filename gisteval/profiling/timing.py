"""Clocks, and medians of repeated timings with their intervals."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch

FEWEST_FOR_95 = 6
"""With fewer values, no order statistics enclose the median with 95% confidence."""

FEWEST_FOR_RANGE = 3
"""With fewer values, their range says nothing about a further value."""


@dataclass(frozen=True, slots=True)
class Median:
    """A median with its distribution-free interval.

    There is no interval if there are too few values or if the clock could not tell them apart, because
    equal values are no certainty.

    Attributes:
        median: The median.
        low: Lower end of the interval, None without an interval.
        high: Upper end of the interval, None without an interval.
        n: Number of values.
        confidence: The actual coverage of the interval, 0 without one.
    """

    median: float
    low: float | None
    high: float | None
    n: int
    confidence: float

    @property
    def relative_half_width(self) -> float:
        """Half of the interval's width over the median. Infinite without an interval or if that is 0."""
        if self.low is None or self.high is None or not self.median:
            return math.inf
        return (self.high - self.low) / 2 / self.median

    @property
    def proven(self) -> tuple[float, float] | None:
        """The interval if its coverage is at least 95%, so that a statement may rest on it."""
        if self.low is None or self.high is None or self.n < FEWEST_FOR_95:
            return None
        return self.low, self.high


def median_interval(values: Sequence[float], confidence: float = 0.95) -> Median:
    """Return the median and the order statistics that enclose it with at least `confidence`.

    x_(r) and x_(n+1-r) enclose the median with probability 1 - 2 P(B < r), where B is binomial (n, 1/2):
    H. A. David and H. N. Nagaraja, "Order Statistics", 2003, section 7.1. With fewer than six values the
    interval is their range, which covers less than 95%. With one or two values there is no interval.

    Raises:
        ValueError: There are no values.
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
    """Return the two-sided exact p-value of the hypothesis that the median is 0.

    Values of 0 are left out, and the p-value is 1 if no others remain. It is at most 5% exactly if the 95%
    interval of `median_interval` excludes 0 (W. J. Conover, "Practical Nonparametric Statistics", 1999,
    section 3.4).
    """
    above = sum(value > 0 for value in differences)
    n = above + sum(value < 0 for value in differences)
    tail = sum(math.comb(n, count) for count in range(min(above, n - above) + 1))
    return min(1.0, float(2 * tail / 2**n))


class Stopwatch:
    """Marks between phases, by CUDA events on a CUDA device and by `perf_counter` elsewhere.

    Events are read once at the end, so that marking does not stall the device. An mps device is
    synchronised before each mark.
    """

    def __init__(self, device: torch.device) -> None:
        """Prepare a stopwatch for work that runs on `device`."""
        self._device = device
        self._marks: list[float] = []
        self._events: list[torch.cuda.Event] = []

    def mark(self) -> None:
        """Mark the end of one phase and the beginning of the next."""
        if self._device.type == "cuda":
            event = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            event.record(torch.cuda.current_stream(self._device))
            self._events.append(event)
            return
        if self._device.type == "mps":
            torch.mps.synchronize()
        self._marks.append(time.perf_counter())

    def seconds(self) -> list[float]:
        """Return the seconds between successive marks, after waiting for the device."""
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)
            pairs = zip(self._events, self._events[1:], strict=False)
            return [first.elapsed_time(second) / 1e3 for first, second in pairs]
        return [after - before for before, after in zip(self._marks, self._marks[1:], strict=False)]


def clock_name(device: torch.device) -> str:
    """Return the name of the clock that `Stopwatch` uses on a device."""
    return "cuda events" if device.type == "cuda" else "perf_counter"
