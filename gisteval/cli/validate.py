"""The command `gisteval validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import AsJson
from gisteval.cli.output import print_json, print_rows
from gisteval.config import RunConfig
from gisteval.options import json_schema


def validate(
    path: Annotated[
        Path | None, typer.Argument(help="A task.yaml or a folder of content. Default: all of it.")
    ] = None,
    with_data: Annotated[
        bool, typer.Option("--with-data", help="Read the data of every split as well.")
    ] = False,
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the JSON schema of configuration files instead.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Check tasks, report templates and checkpoints before a machine is booked for them."""
    if schema:
        print_json(json_schema(RunConfig))
        return
    from gisteval.pipeline.listing import validate_content

    print_rows(validate_content(path, with_data), as_json, lambda item: f"ok  {item}")
