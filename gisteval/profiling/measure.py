"""Repeated passes of several ways to serve the same batches, until the medians are narrow or time is up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from gisteval.errors import GistevalError, counted
from gisteval.profiling.budget import TimeBudget
from gisteval.profiling.memory import Peak, peak_memory
from gisteval.profiling.passes import Lengths, PassTimes, Way, timed_pass
from gisteval.profiling.timing import Median, median_interval, sign_test
from gisteval.records.schema import Example

T = TypeVar("T")
Serve = Callable[[Way, Sequence[Example]], PassTimes]

NARROW = 0.02
"""Half an interval's width over the median at which measuring stops."""

FEWEST_ROUNDS = 8
MOST_ROUNDS = 2000


@dataclass(frozen=True)
class Timings:
    """One way at one batch size: seconds of a batch; decode_token is one decoded token of every row.

    peak: None where it was not taken. lengths: of the examples that were measured.
    """

    way: Way
    compress: Median | None
    prefill: Median
    decode_token: Median
    end_to_end: Median
    peak: Peak | None
    lengths: tuple[Lengths, ...]


@dataclass(frozen=True, slots=True)
class Saving:
    """Seconds that `way` takes less than `baseline` per batch: the median of paired differences.

    p_value: of no difference, by a sign test of its own.
    """

    way: str
    baseline: str
    phase: str
    seconds: Median
    baseline_median: float
    p_value: float

    @property
    def percent(self) -> float:
        """Of the baseline's median."""
        return self._share(self.seconds.median)

    @property
    def percent_interval(self) -> tuple[float, float] | None:
        """The ends of the interval likewise; None where there is none."""
        low, high = self.seconds.low, self.seconds.high
        return None if low is None or high is None else (self._share(low), self._share(high))

    def _share(self, seconds: float) -> float:
        return 100.0 * seconds / self.baseline_median


@dataclass(frozen=True)
class BatchProfile:
    """All ways at one batch size. stopped: "narrow", "budget" or "rounds"; rounds: passes of each way.

    left_out: what there was no time for, in words.
    """

    batch_size: int
    rounds: int
    stopped: str
    left_out: tuple[str, ...]
    timings: tuple[Timings, ...]
    savings: tuple[Saving, ...]


def profile_batch(
    ways: Sequence[Way],
    examples: Sequence[Example],
    batch_size: int,
    output_tokens: int,
    budget: TimeBudget,
    must: bool = True,
) -> BatchProfile | None:
    """Measure until the medians are narrow or time is up.

    A round serves one batch in every way, in an order that rotates; one that time cuts short is dropped, so
    every way is measured on the same batches equally often. Batches are the examples in order of length, so
    that padding is small (a last incomplete one is left out), and come in a fixed order whose every
    beginning covers all lengths: few rounds are fair as well.

    must: serve every way once, whatever time it takes. Without it None is the answer if time is up before.
    Raises GistevalError if there are fewer examples than rows in a batch.
    """
    by_length = _batches(examples, batch_size)
    longest, batches = by_length[-1], _spread_out(by_length)
    serve = partial(timed_pass, output_tokens=output_tokens)
    began = time.monotonic()
    first = _round(ways, serve, batches[0], None if must else budget)
    if first is None:
        return None
    peaks: Mapping[str, Peak | None] | None = None
    if budget.left > 2 * (time.monotonic() - began):  # as long as this round, and then one that counts
        peaks = _round(ways, partial(_peak, serve), longest, budget)
    rounds, stopped = _rounds(ways, batches, serve, budget)
    missed = len(batches) - max(1, len(rounds))
    left_out = {
        "warming up": not rounds,
        "peak memory": peaks is None,
        f"{missed} of {len(batches)} batches of examples": missed > 0,
    }
    samples = {way.name: [found[way.name] for found in rounds or [first]] for way in ways}
    timings = tuple(
        _summary(way, samples[way.name], len(batches), output_tokens, (peaks or {}).get(way.name))
        for way in ways
    )
    return BatchProfile(
        batch_size=batch_size,
        rounds=max(1, len(rounds)),
        stopped=stopped,
        left_out=tuple(text for text, missing in left_out.items() if missing),
        timings=timings,
        savings=_savings(ways, samples),
    )


def _rounds(
    ways: Sequence[Way],
    batches: Sequence[Sequence[Example]],
    serve: Serve,
    budget: TimeBudget,
) -> tuple[list[dict[str, PassTimes]], str]:
    """Whole rounds, and why there are no more of them."""
    rounds: list[dict[str, PassTimes]] = []
    while len(rounds) < MOST_ROUNDS:
        batch, first = batches[len(rounds) % len(batches)], len(rounds) % len(ways)
        found = _round([*ways[first:], *ways[:first]], serve, batch, budget)
        if found is None:
            return rounds, "budget"
        rounds.append(found)
        # Every batch equally often, so that no length weighs more than another.
        whole = len(rounds) >= FEWEST_ROUNDS and len(rounds) % len(batches) == 0
        if whole and _narrow(rounds):
            return rounds, "narrow"
    return rounds, "rounds"


def _round(
    ways: Sequence[Way],
    serve: Callable[[Way, Sequence[Example]], T],
    batch: Sequence[Example],
    budget: TimeBudget | None,
) -> dict[str, T] | None:
    """What serving a batch gives, by way; None if time is up before the last one has begun."""
    found = {}
    for way in ways:
        if budget is not None and budget.left <= 0:
            return None
        found[way.name] = serve(way, batch)
    return found


def _peak(serve: Serve, way: Way, batch: Sequence[Example]) -> Peak | None:
    return peak_memory(lambda: serve(way, batch), way.model.device)


def _batches(examples: Sequence[Example], size: int) -> list[list[Example]]:
    ordered = sorted(examples, key=lambda e: (len(e.instruction) + len(e.input), e.id))
    batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    full = [batch for batch in batches if len(batch) == size]
    if not full:
        raise GistevalError(
            f"{counted(len(examples), 'example')} can't fill a batch of {size}: use a smaller --batch-size "
            "or a larger --limit"
        )
    return full


def _spread_out(batches: Sequence[T]) -> list[T]:
    """The middle one first, then the middles of both halves, and so on."""
    spans, found = [(0, len(batches))], []
    for low, high in spans:
        if low < high:
            middle = (low + high) // 2
            found.append(batches[middle])
            spans += [(low, middle), (middle + 1, high)]
    return found


def _narrow(rounds: Sequence[Mapping[str, PassTimes]]) -> bool:
    return all(
        median_interval([getattr(found[name], phase) for found in rounds]).relative_half_width <= NARROW
        for name in rounds[0]
        for phase in ("prefill", "end_to_end")
    )


def _summary(
    way: Way, found: Sequence[PassTimes], batches: int, output_tokens: int, peak: Peak | None
) -> Timings:
    stores = way.kind in ("whole_cache", "compressed")
    return Timings(
        way=way,
        compress=median_interval([times.compress for times in found]) if stores else None,
        prefill=median_interval([times.prefill for times in found]),
        decode_token=median_interval([times.decode / (output_tokens - 1) for times in found]),
        end_to_end=median_interval([times.end_to_end for times in found]),
        peak=peak,
        lengths=tuple(row for times in found[:batches] for row in times.lengths),
    )


def _savings(ways: Sequence[Way], samples: Mapping[str, Sequence[PassTimes]]) -> tuple[Saving, ...]:
    """Each compressed way against both kinds of ordinary serving, pass by pass on the same batch."""
    found = []
    for way in (way for way in ways if way.kind == "compressed"):
        for base in (base for base in ways if base.kind in ("no_cache", "whole_cache")):
            for phase in ("prefill", "end_to_end"):
                before = [getattr(times, phase) for times in samples[base.name]]
                after = [getattr(times, phase) for times in samples[way.name]]
                differences = [b - a for b, a in zip(before, after, strict=True)]
                found.append(
                    Saving(
                        way.name,
                        base.name,
                        phase,
                        median_interval(differences),
                        median_interval(before).median,
                        sign_test(differences),
                    )
                )
    return tuple(found)
