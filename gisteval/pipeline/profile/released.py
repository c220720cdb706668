"""The paper's benchmark files as the content of a profile: means, and what each way saves."""

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
"""fp32, as the paper counts storage."""


@dataclass(frozen=True, slots=True)
class Way:
    """A way to serve a prompt, by example: milliseconds (None: not timed), FLOPs and cached slots."""

    name: str
    milliseconds: Mapping[str, float] | None
    flops: Mapping[str, float]
    cached: Mapping[str, int]


def released_profile(files: Sequence[Path]) -> ReleasedProfile:
    """The content of profile.json for released benchmark files. Raises GistevalError for any other."""
    by_model: dict[str, list[Path]] = {}
    for file in files:
        by_model.setdefault(shape_name(file), []).append(file)
    ways = [content for model, found in by_model.items() for content in _model_ways(model, found)]
    timed = [saving.p_value for way in ways for saving in way.saved if saving.p_value is not None]
    corrected = iter(stats.holm(timed))
    return ReleasedProfile(
        files=tuple(ReleasedFile(**asdict(means)) for means in released_means(files)),
        ways=tuple(
            replace(
                way,
                saved=tuple(
                    saving if saving.p_value is None else replace(saving, p_value=next(corrected))
                    for saving in way.saved
                ),
            )
            for way in ways
        ),
    )


def _model_ways(model: str, files: Sequence[Path]) -> list[ReleasedWay]:
    shape = shape_of(files[0])
    ways: dict[str, Way] = {}
    # The file whose cache is the whole prompt comes last: its standard rows are a second measurement.
    for file in sorted(files, key=lambda file: "-prompt-" in file.name):
        rows = read_released(file)
        standard = [row for row in rows if row.model == "standard"]
        others = [row for row in rows if row.model != "standard"]
        slots = {row.cached for row in others}
        name = WHOLE_CACHE if len(slots) != 1 else f"gist-{slots.pop()}"
        ways.setdefault(NO_CACHE, _way(NO_CACHE, standard))
        ways[name] = _way(name, others)
        ways.setdefault(NEGATIVE, _negative(shape, others))
    order = [NO_CACHE, WHOLE_CACHE]
    order += [name for name in ways if name not in (*order, NEGATIVE)]
    kept = [ways[name] for name in (*order, NEGATIVE) if name in ways and ways[name].flops]
    baselines = [way for way in kept if way.name in (NO_CACHE, WHOLE_CACHE)]
    return [_content(model, shape, way, baselines) for way in kept]


def _way(name: str, rows: Sequence[ReleasedRow]) -> Way:
    return Way(
        name,
        {row.example: row.cuda_time / 1e3 for row in rows},
        {row.example: float(row.flops) for row in rows},
        {row.example: row.cached for row in rows},
    )


def _negative(shape: Shape, rows: Sequence[ReleasedRow]) -> Way:
    """The input alone: nobody timed it, its FLOPs follow from the closed form."""
    flops = {row.example: float(forward(shape, row.inputs, 0).total) for row in rows}
    return Way(NEGATIVE, None, flops, dict.fromkeys(flops, 0))


def _content(model: str, shape: Shape, way: Way, baselines: Sequence[Way]) -> ReleasedWay:
    slots = sum(way.cached.values()) / len(way.cached)
    slot = 2 * shape.layers * shape.kv_width * BYTES_A_NUMBER if isinstance(shape, DecoderShape) else None
    times = None if way.milliseconds is None else stats.mean_interval(list(way.milliseconds.values()))
    return ReleasedWay(
        model=model,
        way=way.name,
        rows=len(way.flops),
        milliseconds=None
        if times is None
        else BoundedFacts(times.value, finite(times.ci_low), finite(times.ci_high)),
        flops=sum(way.flops.values()) / len(way.flops),
        cached_slots=slots,
        stored_bytes=None if slot is None else slots * slot,
        saved=tuple(
            saving
            for base in baselines
            if base.name != way.name and way.name != NO_CACHE
            for saving in _savings(way, base)
        ),
    )


def _savings(way: Way, base: Way) -> list[ReleasedSaving]:
    """What is saved of a baseline's mean, paired by example: in percent with its 95% interval.

    p_value: of no difference in time, by flipped signs; FLOPs follow from lengths and have none.
    """
    pairs: list[tuple[Unit, Mapping[str, float], Mapping[str, float]]] = [("flops", base.flops, way.flops)]
    if way.milliseconds is not None and base.milliseconds is not None:
        pairs.append(("seconds", base.milliseconds, way.milliseconds))
    found = []
    for unit, theirs, ours in pairs:
        shared = [example for example in theirs if example in ours]
        if shared:
            before = [theirs[example] for example in shared]
            after = [ours[example] for example in shared]
            mean = sum(before) / len(shared)
            saved = stats.mean_interval(
                [100 * (one - other) / mean for one, other in zip(before, after, strict=True)]
            )
            p_value = None
            if unit == "seconds":
                p_value = stats.paired_difference(before, after).p_value_permutation
            found.append(
                ReleasedSaving(
                    baseline=base.name,
                    unit=unit,
                    p_value=p_value,
                    value=saved.value,
                    low=finite(saved.ci_low),
                    high=finite(saved.ci_high),
                )
            )
    return found
