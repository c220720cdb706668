"""Repeated passes of several ways to serve the same batches, until the medians are narrow or time is up."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gisteval.errors import GistevalError
from gisteval.profiling.memory import Peak, peak_memory
from gisteval.profiling.passes import Lengths, PassTimes, Way, lengths, timed_pass
from gisteval.profiling.timing import Median, median_interval
from gisteval.schema import Example

NARROW = 0.02
"""Half an interval's width over the median at which measuring stops."""

FEWEST_ROUNDS = 8
MOST_ROUNDS = 2000
WARM_UPS = 2


@dataclass(frozen=True)
class Timings:
    """One way at one batch size: seconds of a batch; decode_token is one decoded token of every row."""

    way: Way
    compress: Median | None
    prefill: Median
    decode_token: Median
    end_to_end: Median
    peak: Peak | None
    lengths: tuple[Lengths, ...]


@dataclass(frozen=True, slots=True)
class Saving:
    """Seconds that `way` takes less than `baseline` per batch: the median of paired differences."""

    way: str
    baseline: str
    phase: str
    seconds: Median
    baseline_median: float

    @property
    def percent(self) -> float:
        """Of the baseline's median."""
        return 100.0 * self.seconds.median / self.baseline_median


@dataclass(frozen=True)
class BatchProfile:
    """All ways at one batch size. stopped: "narrow" or "budget"; rounds: passes of each way."""

    batch_size: int
    rounds: int
    stopped: str
    timings: tuple[Timings, ...]
    savings: tuple[Saving, ...]


def profile_batch(
    ways: Sequence[Way],
    examples: Sequence[Example],
    batch_size: int,
    output_tokens: int,
    seconds: float,
) -> BatchProfile:
    """Measure for about `seconds`. A round serves one batch in every way, in an order that rotates.

    Batches are the examples in order of length, so that padding is small; a last incomplete one is left
    out.
    Raises GistevalError if there are fewer examples than rows in a batch.
    """
    if output_tokens < 2:
        raise GistevalError("--output-tokens must be at least 2 to time decoding")
    batches = _batches(examples, batch_size)
    for _ in range(WARM_UPS):
        for way in ways:
            timed_pass(way, batches[-1], output_tokens)
    samples: dict[str, list[PassTimes]] = {way.name: [] for way in ways}
    deadline = time.monotonic() + seconds
    rounds, stopped = 0, "budget"
    while rounds < MOST_ROUNDS:
        batch, first = batches[rounds % len(batches)], rounds % len(ways)
        for way in (*ways[first:], *ways[:first]):
            samples[way.name].append(timed_pass(way, batch, output_tokens))
        rounds += 1
        # Every batch equally often, so that no length weighs more than another.
        if rounds >= FEWEST_ROUNDS and rounds % len(batches) == 0 and _narrow(samples):
            stopped = "narrow"
            break
        if time.monotonic() > deadline and rounds >= min(FEWEST_ROUNDS, len(batches)):
            break
    timings = tuple(_summary(way, samples[way.name], examples, batches[-1], output_tokens) for way in ways)
    return BatchProfile(batch_size, rounds, stopped, timings, _savings(ways, samples))


def _batches(examples: Sequence[Example], size: int) -> list[list[Example]]:
    ordered = sorted(examples, key=lambda e: (len(e.instruction) + len(e.input), e.id))
    batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    full = [batch for batch in batches if len(batch) == size]
    if not full:
        raise GistevalError(
            f"{len(examples)} examples can't fill a batch of {size}: use a smaller --batch-size or a "
            "larger --limit"
        )
    return full


def _narrow(samples: Mapping[str, Sequence[PassTimes]]) -> bool:
    return all(
        median_interval([getattr(times, phase) for times in found]).relative_half_width <= NARROW
        for found in samples.values()
        for phase in ("prefill", "end_to_end")
    )


def _summary(
    way: Way,
    found: Sequence[PassTimes],
    examples: Sequence[Example],
    longest: Sequence[Example],
    output_tokens: int,
) -> Timings:
    stores = way.kind in ("whole_cache", "compressed")
    return Timings(
        way=way,
        compress=median_interval([times.compress for times in found]) if stores else None,
        prefill=median_interval([times.prefill for times in found]),
        decode_token=median_interval([times.decode / (output_tokens - 1) for times in found]),
        end_to_end=median_interval([times.end_to_end for times in found]),
        peak=peak_memory(lambda: timed_pass(way, longest, output_tokens), way.model.device),
        lengths=tuple(lengths(way, examples)),
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
                    )
                )
    return tuple(found)
