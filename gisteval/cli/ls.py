"""The command `gisteval ls`."""

from __future__ import annotations

from typing import Annotated

import typer

from gisteval.cli.options import AsJson
from gisteval.cli.output import print_rows


def ls(
    kind: Annotated[str, typer.Argument(help="tasks, judges, compressors or checkpoints.")],
    as_json: AsJson = False,
) -> None:
    """List the tasks, judges, compressors or checkpoints that there are."""
    from gisteval.pipeline.listing import listing

    print_rows(listing(kind), as_json, lambda row: f"{row['name']:24}  {row['description']}")
