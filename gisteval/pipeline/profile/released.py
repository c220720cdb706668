"""The paper's benchmark files as the content of a profile: means, and the savings of each serving mode."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from gisteval import stats
from gisteval.profiling.closed_form import forward
from gisteval.profiling.released import (
    ReleasedRow,
    read_released,
    released_means,
    shape_name,
    shape_of,
)
from gisteval.profiling.shapes import DecoderShape, Shape
from gisteval.records.profile_facts import Unit
from gisteval.records.schema import finite
from gisteval.records.shape_facts import (
    BoundedFacts,
    ReleasedFile,
    ReleasedProfile,
    ReleasedSaving,
    ReleasedWay,
)

NO_CACHE = "no cache"
WHOLE_CACHE = "whole-prompt cache"
NEGATIVE = "negative control"
BYTES_A_NUMBER = 4
"""Bytes of a number in fp32, in which the paper counts storage."""


@dataclass(frozen=True, slots=True)
class ReleasedMode:
    """The released rows of one serving mode, by example.

    Attributes:
        name: Name of the mode.
        milliseconds: Time. None if it was not measured.
        flops: FLOPs.
        cached: Cached slots.
    """

    name: str
    milliseconds: Mapping[str, float] | None
    flops: Mapping[str, float]
    cached: Mapping[str, int]


def released_profile(files: Sequence[Path]) -> ReleasedProfile:
    """Return the content of profile.json for released benchmark files.

    Raises:
        GistevalError: A file is not a released benchmark file.
    """
    by_model: dict[str, list[Path]] = {}
    for file in files:
        by_model.setdefault(shape_name(file), []).append(file)
    modes = [facts for model, group in by_model.items() for facts in _model_modes(model, group)]
    timed = [saving.p_value for mode in modes for saving in mode.saved if saving.p_value is not None]
    corrected = iter(stats.holm(timed))
    return ReleasedProfile(
        files=tuple(ReleasedFile(**asdict(means)) for means in released_means(files)),
        ways=tuple(
            replace(
                mode,
                saved=tuple(
                    saving if saving.p_value is None else replace(saving, p_value=next(corrected))
                    for saving in mode.saved
                ),
            )
            for mode in modes
        ),
    )


def _model_modes(model: str, files: Sequence[Path]) -> list[ReleasedWay]:
    shape = shape_of(files[0])
    modes: dict[str, ReleasedMode] = {}
    # The file with the whole-prompt cache comes last, since its standard rows are a second measurement.
    for file in sorted(files, key=lambda file: "-prompt-" in file.name):
        rows = read_released(file)
        standard = [row for row in rows if row.model == "standard"]
        others = [row for row in rows if row.model != "standard"]
        slots = {row.cached for row in others}
        name = WHOLE_CACHE if len(slots) != 1 else f"gist-{slots.pop()}"
        modes.setdefault(NO_CACHE, _released_mode(NO_CACHE, standard))
        modes[name] = _released_mode(name, others)
        modes.setdefault(NEGATIVE, _negative(shape, others))
    order = [NO_CACHE, WHOLE_CACHE]
    order += [name for name in modes if name not in (*order, NEGATIVE)]
    with_rows = [modes[name] for name in (*order, NEGATIVE) if name in modes and modes[name].flops]
    baselines = [mode for mode in with_rows if mode.name in (NO_CACHE, WHOLE_CACHE)]
    return [_content(model, shape, mode, baselines) for mode in with_rows]


def _released_mode(name: str, rows: Sequence[ReleasedRow]) -> ReleasedMode:
    return ReleasedMode(
        name,
        {row.example: row.cuda_time / 1e3 for row in rows},
        {row.example: float(row.flops) for row in rows},
        {row.example: row.cached for row in rows},
    )


def _negative(shape: Shape, rows: Sequence[ReleasedRow]) -> ReleasedMode:
    """The input alone. Its time was not measured, and its FLOPs follow from the closed form."""
    flops = {row.example: float(forward(shape, row.inputs, 0).total) for row in rows}
    return ReleasedMode(NEGATIVE, None, flops, dict.fromkeys(flops, 0))


def _content(
    model: str, shape: Shape, mode: ReleasedMode, baselines: Sequence[ReleasedMode]
) -> ReleasedWay:
    slots = sum(mode.cached.values()) / len(mode.cached)
    slot = 2 * shape.layers * shape.kv_width * BYTES_A_NUMBER if isinstance(shape, DecoderShape) else None
    times = None if mode.milliseconds is None else stats.mean_interval(list(mode.milliseconds.values()))
    return ReleasedWay(
        model=model,
        way=mode.name,
        rows=len(mode.flops),
        milliseconds=None
        if times is None
        else BoundedFacts(times.value, finite(times.ci_low), finite(times.ci_high)),
        flops=sum(mode.flops.values()) / len(mode.flops),
        cached_slots=slots,
        stored_bytes=None if slot is None else slots * slot,
        saved=tuple(
            saving
            for base in baselines
            if base.name != mode.name and mode.name != NO_CACHE
            for saving in _savings(mode, base)
        ),
    )


def _savings(mode: ReleasedMode, base: ReleasedMode) -> list[ReleasedSaving]:
    """The savings in percent of a baseline's mean, paired by example, with their 95% intervals.

    The p-value is that of no difference in time, by a permutation of signs. FLOPs follow from lengths and
    have none.
    """
    pairs: list[tuple[Unit, Mapping[str, float], Mapping[str, float]]] = [("flops", base.flops, mode.flops)]
    if mode.milliseconds is not None and base.milliseconds is not None:
        pairs.append(("seconds", base.milliseconds, mode.milliseconds))
    savings = []
    for unit, baseline_costs, mode_costs in pairs:
        shared = [example for example in baseline_costs if example in mode_costs]
        if shared:
            before = [baseline_costs[example] for example in shared]
            after = [mode_costs[example] for example in shared]
            mean = sum(before) / len(shared)
            saved = stats.mean_interval(
                [100 * (first - second) / mean for first, second in zip(before, after, strict=True)]
            )
            p_value = None
            if unit == "seconds":
                p_value = stats.paired_difference(before, after).p_value_permutation
            savings.append(
                ReleasedSaving(
                    baseline=base.name,
                    unit=unit,
                    p_value=p_value,
                    value=saved.value,
                    low=finite(saved.ci_low),
                    high=finite(saved.ci_high),
                )
            )
    return savings
