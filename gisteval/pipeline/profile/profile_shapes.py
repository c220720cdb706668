"""`gisteval profile` without weights: shapes, sweeps and released files; and how any profile is written.

Measuring checkpoints is in `profile_model`, which imports what loads them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gisteval.errors import GistevalError
from gisteval.pipeline.profile.options import INPUT_TOKENS, ProfileOptions
from gisteval.pipeline.profile.settings import what_if_content
from gisteval.profiling.shape_flops import shape_flops
from gisteval.profiling.shapes import load_shape
from gisteval.profiling.whatif import what_if_grid
from gisteval.records.store import write_json
from gisteval.report.profile import write_profile_report


def shape_profile(options: ProfileOptions) -> dict[str, Any]:
    """FLOPs of shapes without weights. Raises GistevalError."""
    return _what_if(options) if options.what_if else _one_pass(options)


def _one_pass(options: ProfileOptions) -> dict[str, Any]:
    """FLOPs of one pass of a shape, three ways. Raises GistevalError."""
    if options.input_tokens is None or len(options.shapes) > 1:
        raise GistevalError("give one --shape with --input-tokens, or several with --what-if")
    flops = shape_flops(
        load_shape(options.shapes[0]), options.input_tokens, options.cached_tokens, _outputs(options)
    )
    return {"kind": "shape", **flops.to_json()}


def _what_if(options: ProfileOptions) -> dict[str, Any]:
    """Many lengths, all combined with each other on every shape.

    Raises GistevalError for a shape without closed form.
    """
    scenarios = what_if_grid(
        [load_shape(name) for name in options.shapes],
        options.prompt_tokens,
        options.gist_tokens,
        options.batch_sizes,
        INPUT_TOKENS if options.input_tokens is None else options.input_tokens,
        _outputs(options),
    )
    return what_if_content(list(scenarios), options.memory_budget)


def _outputs(options: ProfileOptions) -> int:
    return 1 if options.output_tokens is None else options.output_tokens


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
