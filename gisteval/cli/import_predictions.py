"""The command `gisteval import`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import AsJson
from gisteval.cli.output import print_text
from gisteval.errors import counted


def import_predictions(
    candidates: Annotated[
        list[Path],
        typer.Argument(
            help="Outputs as CSV, TSV, JSONL or JSON: one file for each system, which gets its name."
        ),
    ],
    output: Annotated[Path, typer.Option(help="Folder of the run.")],
    pos_control: Annotated[Path | None, typer.Option(help="Outputs of the positive control.")] = None,
    neg_control: Annotated[Path | None, typer.Option(help="Outputs of the negative control.")] = None,
    task: Annotated[str, typer.Option(help="Name of the task.")] = "imported",
    split: Annotated[str, typer.Option(help="Name of the split.")] = "all",
    instruction_column: Annotated[str, typer.Option(help="Column of the instructions.")] = "instruction",
    input_column: Annotated[
        str | None, typer.Option(help="Column of the inputs. Default: input, if it is there.")
    ] = None,
    prediction_column: Annotated[str, typer.Option(help="Column of the outputs.")] = "y_pred",
    reference_column: Annotated[str, typer.Option(help="Column of the references.")] = "y_true",
    k: Annotated[
        int | None, typer.Option("--k", help="Number of gist tokens or slots of the candidates.")
    ] = None,
    compressor: Annotated[str, typer.Option(help="Name of what compresses the candidates' prompts.")] = "",
    as_json: AsJson = False,
) -> None:
    """Import predictions of other tools as a run: scored, paired and reported like any other."""
    from gisteval.importer.predictions import Columns
    from gisteval.pipeline.imports.predictions import PredictionOptions
    from gisteval.pipeline.imports.predictions import import_predictions as import_files
    from gisteval.report.layout import plain_text
    from gisteval.report.tables import split_tables

    folder = import_files(
        PredictionOptions(
            candidates=tuple(candidates),
            pos_control=pos_control,
            neg_control=neg_control,
            columns=Columns(instruction_column, input_column, prediction_column, reference_column),
            task=task,
            split=split,
            k=k,
            compressor=compressor,
        ),
        output,
        ["gisteval", *sys.argv[1:]],
    )
    if as_json:
        print((folder.path / "results.json").read_text(encoding="utf-8"), end="")
    else:
        (count,) = folder.manifest().splits.values()
        systems = counted(len(folder.systems), "system")
        print(f"{folder.path}: {systems}, {counted(count, 'example')}")
        print_text("\n".join(map(plain_text, split_tables(folder.results()))))
        print(f"report: {folder.path / 'report' / 'report.html'}")
    for note in folder.notes:
        print_text(f"note: {note}", file=sys.stderr)
