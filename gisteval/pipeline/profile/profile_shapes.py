"""`gisteval profile` without weights: shapes, sweeps and released files; and how any profile is written.

Measuring checkpoints is in `profile_model`, which imports what loads them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gisteval.errors import GistevalError
from gisteval.pipeline.profile.settings import sweep_content
from gisteval.profiling.shape_flops import shape_flops
from gisteval.profiling.shapes import load_shape
from gisteval.profiling.whatif import sweep
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


def shape_profile(name: str, input_tokens: int, cached_tokens: int, output_tokens: int) -> dict[str, Any]:
    """FLOPs of one pass of a shape, three ways. Raises GistevalError."""
    found = shape_flops(load_shape(name), input_tokens, cached_tokens, output_tokens)
    return {"kind": "shape", **found.to_json()}


def what_if_profile(options: SweepOptions) -> dict[str, Any]:
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


def write_profile(content: dict[str, Any], folder: Path) -> Path:
    """profile.json, tables/ and figures/ in `folder`; returns the page that shows them."""
    write_json(folder / "profile.json", content)
    return write_profile_report(content, folder)
