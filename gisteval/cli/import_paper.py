"""The command `gisteval import-paper`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import AsJson
from gisteval.cli.output import print_json, print_text
from gisteval.errors import counted


def import_paper(
    source: Annotated[Path, typer.Argument(help="Folder with the released files, any subset of them.")],
    output: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/paper"),
    data_dir: Annotated[
        Path | None, typer.Option(help="Where Alpaca+ lies: examples get its texts and ids.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Import the paper's released outputs, verdicts and timings as a run, every score recomputed."""
    from gisteval.pipeline.imports.paper import import_paper as import_release
    from gisteval.pipeline.imports.paper import summary

    found = summary(import_release(source, output, data_dir, ["gisteval", *sys.argv[1:]]))
    if as_json:
        print_json(found)
        return
    kinds = ("output", "verdict", "benchmark")
    counts = ", ".join(counted(found[f"{kind}_files"], f"{kind} file") for kind in kinds)
    print(f"{found['run']}: {counts}")
    for note in found["notes"]:
        print_text(f"note: {note}", file=sys.stderr)
