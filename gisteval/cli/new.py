"""The command `gisteval new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.output import print_text


def new(
    kind: Annotated[str, typer.Argument(help="compressor, task or judge.")],
    name: Annotated[str, typer.Argument(help="Its name: small letters, digits and underscores.")],
    output: Annotated[
        Path, typer.Option(help="Folder in which the new folder is made.", metavar="DIR")
    ] = Path(),
) -> None:
    """Write a plug-in of your own, with a test and a README, into a folder that bears its name."""
    from gisteval.pipeline.plugin import new_plugin

    for file in new_plugin(kind, name, output):
        print_text(file)
    print_text(f"next: pytest {output / name}")
