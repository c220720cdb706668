"""Time several serving modes on the same batches until the medians are precise or the time is used up."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from gisteval.errors import GistevalError, counted
from gisteval.profiling.budget import TimeBudget
from gisteval.profiling.memory import Peak, peak_memory
from gisteval.profiling.passes import PassLengths, PassTimes, ServingMode, compress_parts, timed_pass
from gisteval.profiling.timing import Median, median_interval, sign_test
from gisteval.records.schema import Example

T = TypeVar("T")
Serve = Callable[[ServingMode, Sequence[Example]], PassTimes]

NARROW = 0.02
"""Measuring stops when half the width of an interval is at most this share of the median."""

FEWEST_ROUNDS = 8
MOST_ROUNDS = 2000


@dataclass(frozen=True)
class Timings:
    """The measurements of one serving mode at one batch size.

    Attributes:
        mode: The serving mode.
        compress: Seconds to make a batch of prompts ready. None if the mode stores no prompts.
        prefill: Seconds to run a batch of inputs.
        decode_token: Seconds to decode one token of every row.
        end_to_end: Seconds of one use: prefill and decoding.
        peak: Peak memory. None if it was not measured.
        lengths: Lengths of the measured examples.
        parts: Seconds of a batch's compression by part, in passes of their own. None if it compresses
            nothing or was not measured.
    """

    mode: ServingMode
    compress: Median | None
    prefill: Median
    decode_token: Median
    end_to_end: Median
    peak: Peak | None
    lengths: tuple[PassLengths, ...]
    parts: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Saving:
    """The time that a serving mode saves on a batch, from paired differences.

    Attributes:
        mode: Name of the serving mode.
        baseline: Name of the mode it is compared with.
        phase: `prefill` or `end_to_end`.
        seconds: Median of the paired differences, baseline minus mode.
        baseline_median: Median seconds of the baseline.
        p_value: Of the hypothesis that there is no difference, by a sign test.
    """

    mode: str
    baseline: str
    phase: str
    seconds: Median
    baseline_median: float
    p_value: float

    @property
    def percent(self) -> float:
        """The saving in percent of the baseline's median."""
        return self._share(self.seconds.median)

    @property
    def percent_interval(self) -> tuple[float, float] | None:
        """The ends of its interval in percent of the baseline's median. None if there is no interval."""
        low, high = self.seconds.low, self.seconds.high
        return None if low is None or high is None else (self._share(low), self._share(high))

    def _share(self, seconds: float) -> float:
        return 100.0 * seconds / self.baseline_median


@dataclass(frozen=True)
class BatchProfile:
    """All serving modes at one batch size.

    Attributes:
        batch_size: Rows of a batch.
        rounds: Timed passes of each mode.
        stopped: Why measuring ended: "narrow" (precise enough), "budget" or "rounds".
        left_out: What there was no time for, as text.
        timings: The measurements of each mode.
        savings: Each compressed mode against each baseline.
    """

    batch_size: int
    rounds: int
    stopped: str
    left_out: tuple[str, ...]
    timings: tuple[Timings, ...]
    savings: tuple[Saving, ...]


def profile_batch(
    modes: Sequence[ServingMode],
    examples: Sequence[Example],
    batch_size: int,
    output_tokens: int,
    budget: TimeBudget,
    must: bool = True,
) -> BatchProfile | None:
    """Measure all modes until the medians are precise or the time is used up.

    A round serves one batch in every mode, and the order of the modes rotates. A round that does not finish
    in time is dropped, so every mode is measured on the same batches equally often. Examples are sorted by
    length, which keeps padding small, and cut into batches. A last incomplete batch is left out. The
    batches come in a fixed order of which any first few cover all lengths, so that few rounds are fair too.

    Args:
        modes: The serving modes.
        examples: The examples to serve.
        batch_size: Rows of a batch.
        output_tokens: Tokens that every row produces.
        budget: The time that measuring may take.
        must: Whether to serve every mode once even after the time is used up.

    Returns:
        The measurements, or None if the time was used up before the first round and `must` is False.

    Raises:
        GistevalError: There are fewer examples than rows in a batch.
    """
    batches = _spread_out(by_length := _batches(examples, batch_size))
    serve = partial(timed_pass, output_tokens=output_tokens)
    began = time.monotonic()
    first = _round(modes, serve, batches[0], None if must else budget)
    if first is None:
        return None
    peaks = parts = None
    if budget.left > 2 * (time.monotonic() - began):  # as long as this round, and then one that counts
        peaks = _round(modes, partial(_peak, serve), by_length[-1], budget)
    if budget.left > 2 * (time.monotonic() - began):
        parts = _round(modes, _parts, batches[0], budget)
    rounds, stopped = _rounds(modes, batches, serve, budget)
    missed = len(batches) - max(1, len(rounds))
    left_out = {
        "warming up": not rounds,
        "peak memory": peaks is None,
        f"{missed} of {len(batches)} batches of examples": missed > 0,
    }
    samples = {mode.name: [times[mode.name] for times in rounds or [first]] for mode in modes}
    timings = tuple(
        _summary(mode, samples[mode.name], len(batches), output_tokens, (peaks or {}).get(mode.name))
        for mode in modes
    )
    return BatchProfile(
        batch_size=batch_size,
        rounds=max(1, len(rounds)),
        stopped=stopped,
        left_out=tuple(text for text, missing in left_out.items() if missing),
        timings=tuple(replace(one, parts=(parts or {}).get(one.mode.name)) for one in timings),
        savings=_savings(modes, samples),
    )


def _rounds(
    modes: Sequence[ServingMode],
    batches: Sequence[Sequence[Example]],
    serve: Serve,
    budget: TimeBudget,
) -> tuple[list[dict[str, PassTimes]], str]:
    """Whole rounds, and the reason why there are no more of them."""
    rounds: list[dict[str, PassTimes]] = []
    while len(rounds) < MOST_ROUNDS:
        batch, first = batches[len(rounds) % len(batches)], len(rounds) % len(modes)
        times = _round([*modes[first:], *modes[:first]], serve, batch, budget)
        if times is None:
            return rounds, "budget"
        rounds.append(times)
        # Stop only when every batch was served equally often, so that all lengths have the same weight.
        whole = len(rounds) >= FEWEST_ROUNDS and len(rounds) % len(batches) == 0
        if whole and _narrow(rounds):
            return rounds, "narrow"
    return rounds, "rounds"


def _round(
    modes: Sequence[ServingMode],
    serve: Callable[[ServingMode, Sequence[Example]], T],
    batch: Sequence[Example],
    budget: TimeBudget | None,
) -> dict[str, T] | None:
    """Serve a batch in each mode. None if the time is used up before the last mode has begun."""
    results = {}
    for mode in modes:
        if budget is not None and budget.left <= 0:
            return None
        results[mode.name] = serve(mode, batch)
    return results


def _peak(serve: Serve, mode: ServingMode, batch: Sequence[Example]) -> Peak | None:
    return peak_memory(lambda: serve(mode, batch), mode.model.device)


def _parts(mode: ServingMode, batch: Sequence[Example]) -> dict[str, float] | None:
    """The seconds of each part of compressing a batch. None for a mode that compresses nothing."""
    return compress_parts(mode, batch) if mode.kind in ("compressed", "oracle") else None


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


def middle_batch(examples: Sequence[Example], size: int) -> list[Example]:
    """Return the batch of examples of middle length. Raises GistevalError as `profile_batch`."""
    return _spread_out(_batches(examples, size))[0]


def _spread_out(batches: Sequence[T]) -> list[T]:
    """Order batches so that the middle one is first, then the middles of both halves, and so on."""
    spans, ordered = [(0, len(batches))], []
    for low, high in spans:
        if low < high:
            middle = (low + high) // 2
            ordered.append(batches[middle])
            spans += [(low, middle), (middle + 1, high)]
    return ordered


def _narrow(rounds: Sequence[Mapping[str, PassTimes]]) -> bool:
    return all(
        median_interval([getattr(times[name], phase) for times in rounds]).relative_half_width <= NARROW
        for name in rounds[0]
        for phase in ("prefill", "end_to_end")
    )


def _summary(
    mode: ServingMode, passes: Sequence[PassTimes], batches: int, output_tokens: int, peak: Peak | None
) -> Timings:
    return Timings(
        mode=mode,
        compress=median_interval([times.compress for times in passes]) if mode.stores else None,
        prefill=median_interval([times.prefill for times in passes]),
        decode_token=median_interval([times.decode / (output_tokens - 1) for times in passes]),
        end_to_end=median_interval([times.end_to_end for times in passes]),
        peak=peak,
        lengths=tuple(row for times in passes[:batches] for row in times.lengths),
    )


def _savings(
    modes: Sequence[ServingMode], samples: Mapping[str, Sequence[PassTimes]]
) -> tuple[Saving, ...]:
    """Compare each compressed mode with both uncompressed ones, pass by pass on the same batches."""
    savings = []
    for mode in (mode for mode in modes if mode.kind == "compressed"):
        for base in (base for base in modes if base.kind in ("no_cache", "whole_cache")):
            for phase in ("prefill", "end_to_end"):
                before = [getattr(times, phase) for times in samples[base.name]]
                after = [getattr(times, phase) for times in samples[mode.name]]
                differences = [b - a for b, a in zip(before, after, strict=True)]
                savings.append(
                    Saving(
                        mode.name,
                        base.name,
                        phase,
                        median_interval(differences),
                        median_interval(before).median,
                        sign_test(differences),
                    )
                )
    return tuple(savings)
