"""`gisteval profile` without weights: shapes, sweeps and released files; and how any profile is written.

Measuring checkpoints is in `profile_model`, which imports what loads them.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.pipeline.profile.settings import sweep_content
from gisteval.profiling.shape_flops import ShapeFlops, shape_flops
from gisteval.profiling.shapes import load_shape
from gisteval.profiling.whatif import sweep
from gisteval.records.profile_facts import WhatIfProfile
from gisteval.records.shape_facts import CountsFacts, Profile, ShapeProfile
from gisteval.records.store import write_json
from gisteval.report.profile import write_profile_report

_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """What-if lengths, all combined with each other on every shape."""

    shapes: tuple[str, ...]
    prompt_tokens: tuple[int, ...]
    gist_tokens: tuple[int, ...]
    batches: tuple[int, ...]
    input_tokens: int
    output_tokens: int
    memory_budget: int


def parse_bytes(text: str) -> int:
    """`80GB`, `24 GiB` or a plain number of bytes. Raises GistevalError for anything else."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]I?B|)\s*", text.upper())
    if match is None or float(match[1]) <= 0:
        raise GistevalError(f"memory budget {text!r} is no size: write it like 80GB or 24GiB")
    return int(float(match[1]) * _UNITS[match[2]])


def shape_profile(name: str, input_tokens: int, cached_tokens: int, output_tokens: int) -> ShapeProfile:
    """FLOPs of one pass of a shape, three ways. Raises GistevalError."""
    return _shape_facts(shape_flops(load_shape(name), input_tokens, cached_tokens, output_tokens))


def _shape_facts(found: ShapeFlops) -> ShapeProfile:
    shape, decode = found.shape, found.decode
    return ShapeProfile(
        shape=shape.name,
        output_matrix="on every position, as in the paper",
        input_tokens=found.input_tokens,
        cached_tokens=found.cached_tokens,
        output_tokens=found.output_tokens,
        flops=CountsFacts(**asdict(found.total)),
        difference_percent=found.total.differences(),
        prefill=CountsFacts(**asdict(found.prefill)),
        decode=None if decode is None else CountsFacts(**asdict(decode)),
        closed_form_parts=None if found.closed_parts is None else asdict(found.closed_parts),
        closed_form_note=shape.reason and f"the closed form does not apply to {shape.name}: {shape.reason}",
        unsupported_ops=tuple(sorted(found.unsupported)),
        unsupported_op_calls=dict(sorted(found.unsupported.items())),
        traced_layers=found.traced_layers,
    )


def what_if_profile(options: SweepOptions) -> WhatIfProfile:
    """The sweep's content. Raises GistevalError for a shape without closed form."""
    found = sweep(
        [load_shape(name) for name in options.shapes],
        options.prompt_tokens,
        options.gist_tokens,
        options.batches,
        options.input_tokens,
        options.output_tokens,
    )
    return sweep_content(list(found), options.memory_budget)


def check_output(folder: Path) -> None:
    """Make the folder now rather than after minutes of measuring. Raises GistevalError if that fails."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GistevalError(
            f"{folder} can't be written ({error.strerror or error}): choose another --output"
        ) from error


def write_profile(content: Profile, folder: Path) -> Path:
    """profile.json, tables/ and figures/ in `folder`; returns the page that shows them."""
    write_json(folder / "profile.json", content.to_json())
    return write_profile_report(content, folder)
