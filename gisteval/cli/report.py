"""The commands `gisteval import-paper`, `import` and `report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import AsJson, print_json, print_text
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


def import_predictions(
    candidates: Annotated[
        list[Path], typer.Argument(help="CSV, TSV, JSONL or JSON, a file a system, named after it.")
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
    k: Annotated[int | None, typer.Option("--k", help="Gist tokens or slots of the candidates.")] = None,
    compressor: Annotated[str, typer.Option(help="How the candidates compress.")] = "",
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


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    output: Annotated[
        Path | None, typer.Option(help="Default: report/ of a single run, runs/report for several.")
    ] = None,
    intervals: Annotated[
        bool | None,
        typer.Option(
            "--intervals/--no-intervals", help="In Markdown and LaTeX. Default: in Markdown only."
        ),
    ] = None,
) -> None:
    """Write the report of one or more runs: report.html, report.md, tables and figures."""
    from gisteval.records.run_folder import RunFolder
    from gisteval.report.build import build_report

    folders = [RunFolder.open(path) for path in runs]
    target = output or (runs[0] / "report" if len(runs) == 1 else Path("runs/report"))
    print(f"report: {build_report(folders, target, intervals)}")
