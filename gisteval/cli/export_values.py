"""The command `gisteval export-values`: every value of a run by example, for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gisteval.errors import GistevalError, counted


def export_values(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    output: Annotated[Path, typer.Option(help="File to write, .csv or .json.", metavar="FILE")],
) -> None:
    """Write a long table with a row for each example, system and metric."""
    from gisteval.records.run_folder import RunFolder
    from gisteval.records.store import write_atomic, write_json
    from gisteval.report.long_values import COLUMNS, long_csv, long_rows

    if output.suffix not in (".csv", ".json"):
        raise GistevalError(f"--output {output}: the ending must be .csv or .json")
    folder = RunFolder.open(run)
    folder.results()
    if output.suffix == ".csv":
        text = long_csv(folder)
        write_atomic(output, text)
    else:
        write_json(output, [dict(zip(COLUMNS, row, strict=True)) for row in long_rows(folder)])
    print(f"{output}: {counted(sum(1 for _ in long_rows(folder)), 'value')}")
