"""The command `gisteval export-prompts`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import AsJson, Given, with_options
from gisteval.cli.output import print_json, print_text, quiet_libraries
from gisteval.config import RunConfig
from gisteval.config_file import read_config
from gisteval.errors import counted
from gisteval.options import Panel

SHARED = ("models", "chat_template", "task", "splits", "limit", "choose", "seed", "data_dir", "budgets")
"""Options that mean what they mean for a run."""


@with_options(RunConfig, *SHARED)
def export_prompts(
    given: Given[RunConfig],
    output: Annotated[
        Path | None,
        typer.Option(
            help="File to write, one JSON object a line. Default: standard output.",
            metavar="FILE",
            rich_help_panel=Panel.OUTPUT,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Write a task's instructions for another system, or a person, to shorten.

    With "text" filled in, the file is what the compressor precomputed reads. With a model, its tokens are
    counted.
    """
    config = read_config(None, given)
    quiet_libraries()
    from gisteval.pipeline.export_prompts import as_lines
    from gisteval.pipeline.export_prompts import export_prompts as export

    rows = export(config, output)
    if as_json:
        print_json([row.to_json() for row in rows])
    elif output is None:
        print_text(as_lines(rows))
    else:
        print_text(f"{output}: {counted(len(rows), 'row')}")
