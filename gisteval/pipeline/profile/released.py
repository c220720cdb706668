"""The paper's benchmark files as the content of a profile: means, and what each mode saves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

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
from gisteval.records.schema import Estimate, finite

NO_CACHE = "no cache"
WHOLE_CACHE = "whole-prompt cache"
NEGATIVE = "negative control"
BYTES_A_NUMBER = 4
"""fp32, as the paper counts storage."""


@dataclass(frozen=True, slots=True)
class ReleasedMode:
    """A mode to serve a prompt, by example: milliseconds (None: not timed), FLOPs and cached slots."""

    name: str
    milliseconds: Mapping[str, float] | None
    flops: Mapping[str, float]
    cached: Mapping[str, int]


def released_profile(files: Sequence[Path]) -> dict[str, Any]:
    """The content of profile.json for released benchmark files. Raises GistevalError for any other."""
    by_model: dict[str, list[Path]] = {}
    for file in files:
        by_model.setdefault(shape_name(file), []).append(file)
    modes = [content for model, found in by_model.items() for content in _model_modes(model, found)]
    timed = [saving for mode in modes for saving in mode["saved"] if saving["p_value"] is not None]
    for saving, p_value in zip(timed, stats.holm([saving["p_value"] for saving in timed]), strict=True):
        saving["p_value"] = p_value
    return {
        "kind": "released",
        "files": [asdict(means) for means in released_means(files)],
        "modes": modes,
    }


def _model_modes(model: str, files: Sequence[Path]) -> list[dict[str, Any]]:
    shape = shape_of(files[0])
    modes: dict[str, ReleasedMode] = {}
    # The file whose cache is the whole prompt comes last: its standard rows are a second measurement.
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
    kept = [modes[name] for name in (*order, NEGATIVE) if name in modes and modes[name].flops]
    baselines = [mode for mode in kept if mode.name in (NO_CACHE, WHOLE_CACHE)]
    return [_content(model, shape, mode, baselines) for mode in kept]


def _released_mode(name: str, rows: Sequence[ReleasedRow]) -> ReleasedMode:
    return ReleasedMode(
        name,
        {row.example: row.cuda_time / 1e3 for row in rows},
        {row.example: float(row.flops) for row in rows},
        {row.example: row.cached for row in rows},
    )


def _negative(shape: Shape, rows: Sequence[ReleasedRow]) -> ReleasedMode:
    """The input alone: nobody timed it, its FLOPs follow from the closed form."""
    flops = {row.example: float(forward(shape, row.inputs, 0).total) for row in rows}
    return ReleasedMode(NEGATIVE, None, flops, dict.fromkeys(flops, 0))


def _content(model: str, shape: Shape, mode: ReleasedMode, baselines: Sequence[ReleasedMode]) -> dict[str, Any]:
    slots = sum(mode.cached.values()) / len(mode.cached)
    slot = 2 * shape.layers * shape.kv_width * BYTES_A_NUMBER if isinstance(shape, DecoderShape) else None
    times = None if mode.milliseconds is None else stats.mean_interval(list(mode.milliseconds.values()))
    return {
        "model": model,
        "mode": mode.name,
        "rows": len(mode.flops),
        "milliseconds": None if times is None else _estimate(times),
        "flops": sum(mode.flops.values()) / len(mode.flops),
        "cached_slots": slots,
        "stored_bytes": None if slot is None else slots * slot,
        "saved": [
            saving
            for base in baselines
            if base.name != mode.name and mode.name != NO_CACHE
            for saving in _savings(mode, base)
        ],
    }


def _savings(mode: ReleasedMode, base: ReleasedMode) -> list[dict[str, Any]]:
    """What is saved of a baseline's mean, paired by example: in percent with its 95% interval.

    p_value: of no difference in time, by flipped signs; FLOPs follow from lengths and have none.
    """
    pairs = [("flops", base.flops, mode.flops)]
    if mode.milliseconds is not None and base.milliseconds is not None:
        pairs.append(("seconds", base.milliseconds, mode.milliseconds))
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
            found.append({"baseline": base.name, "unit": unit, "p_value": p_value, **_estimate(saved)})
    return found


def _estimate(found: Estimate) -> dict[str, float | None]:
    return {"value": found.value, "low": finite(found.ci_low), "high": finite(found.ci_high)}
