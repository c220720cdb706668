"""The command `gisteval validate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import AsJson
from gisteval.cli.output import print_rows


def validate(
    path: Annotated[Path | None, typer.Argument(help="A task.yaml or a folder of content.")] = None,
    with_data: Annotated[bool, typer.Option("--with-data", help="Read every split, too.")] = False,
    as_json: AsJson = False,
) -> None:
    """Check tasks, report templates and checkpoints before a machine is booked for them."""
    from gisteval.pipeline.listing import validate_content

    print_rows(validate_content(path, with_data), as_json, lambda item: f"ok  {item}")
