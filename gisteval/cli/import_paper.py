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

    imported = import_release(source, output, data_dir, ["gisteval", *sys.argv[1:]])
    if as_json:
        print_json(imported.to_json())
        return
    files = {
        "output file": imported.outputs,
        "verdict file": imported.verdicts,
        "benchmark file": imported.benchmarks,
    }
    counts = ", ".join(counted(number, kind) for kind, number in files.items())
    print(f"{imported.folder.path}: {counts}")
    for note in imported.notes:
        print_text(f"note: {note}", file=sys.stderr)
