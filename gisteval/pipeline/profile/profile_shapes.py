"""Profiles without weights (`gisteval profile --shape` and `--what-if`), and the writing of any profile.

Checkpoints are measured in `profile_model`, which imports what loads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.pipeline.profile.options import INPUT_TOKENS, ProfileOptions
from gisteval.pipeline.profile.settings import what_if_content
from gisteval.profiling.shape_flops import ShapeFlops, shape_flops
from gisteval.profiling.shapes import load_shape
from gisteval.profiling.whatif import what_if_grid
from gisteval.records.profile_facts import WhatIfProfile
from gisteval.records.shape_facts import CountsFacts, Profile, ShapeProfile
from gisteval.records.store import write_json
from gisteval.report.profile import write_profile_report


def shape_profile(options: ProfileOptions) -> Profile:
    """Compute the FLOPs of shapes without weights.

    Raises:
        GistevalError: The options don't fit together, or a shape is unknown or has no closed form.
    """
    return _what_if(options) if options.what_if else _one_pass(options)


def _one_pass(options: ProfileOptions) -> ShapeProfile:
    """FLOPs of one pass of a shape by three methods."""
    if options.input_tokens is None or len(options.shapes) > 1:
        raise GistevalError("give one --shape with --input-tokens, or several with --what-if")
    return _shape_facts(
        shape_flops(
            load_shape(options.shapes[0]), options.input_tokens, options.cached_tokens, _outputs(options)
        )
    )


def _shape_facts(flops: ShapeFlops) -> ShapeProfile:
    shape, decode = flops.shape, flops.decode
    return ShapeProfile(
        shape=shape.name,
        output_matrix="on every position, as in the paper",
        input_tokens=flops.input_tokens,
        cached_tokens=flops.cached_tokens,
        output_tokens=flops.output_tokens,
        flops=CountsFacts(**asdict(flops.total)),
        difference_percent=flops.total.differences(),
        prefill=CountsFacts(**asdict(flops.prefill)),
        decode=None if decode is None else CountsFacts(**asdict(decode)),
        closed_form_parts=None if flops.closed_parts is None else asdict(flops.closed_parts),
        closed_form_note=shape.reason and f"the closed form does not apply to {shape.name}: {shape.reason}",
        unsupported_ops=tuple(sorted(flops.unsupported)),
        unsupported_op_calls=dict(sorted(flops.unsupported.items())),
        traced_layers=flops.traced_layers,
    )


def _what_if(options: ProfileOptions) -> WhatIfProfile:
    """Costs of all combinations of lengths on every shape."""
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
    """Create the folder, so that an error does not come only after minutes of measuring.

    Raises:
        GistevalError: The folder can't be created.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise GistevalError(
            f"{folder} can't be written ({error.strerror or error}): choose another --output"
        ) from error


def write_profile(content: Profile, folder: Path, formats: Sequence[str] = ()) -> Path:
    """Write profile.json, tables and figures.

    Args:
        content: The profile.
        folder: Folder to write to.
        formats: Those of the figures, beside SVG.

    Returns:
        The page with the tables and figures.
    """
    write_json(folder / "profile.json", content.to_json())
    return write_profile_report(content, folder, formats)
