"""The commands `gisteval human export` and `gisteval human import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import AsJson, Verbose
from gisteval.cli.output import print_json, print_text
from gisteval.errors import counted

app = typer.Typer(help="Human judgements: blinded sheets out, answers in.", no_args_is_help=True)


@app.command(name="export")
def export(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    system: Annotated[str, typer.Option(help="System to compare with its positive control.")],
    split: Annotated[str, typer.Option(help="Split the pairs are drawn from.")],
    output: Annotated[Path, typer.Option(help="Folder of sheet.csv and sheet.html.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Number of pairs.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other pairs.")] = 0,
    choose: Annotated[
        str | None,
        typer.Option(
            help="Judge whose contested pairs are drawn more often, since labels on them narrow the "
            "corrected win rate most. Default: all pairs alike.",
            metavar="JUDGE",
        ),
    ] = None,
) -> None:
    """Write a blinded sheet of pairs, as a spreadsheet and as a page."""
    from gisteval.pipeline.judge.human import export_sheet
    from gisteval.pipeline.judge.sheets import Sheet

    written = export_sheet(run, output, Sheet(system, split, count, seed, choose or ""))
    print(f"{counted(written, 'pair')} in {output / 'sheet.html'} and {output / 'sheet.csv'}")


@app.command(name="import")
def import_(
    run: Annotated[Path, typer.Argument(help="The run that the sheet was exported from.")],
    files: Annotated[
        list[Path], typer.Argument(help="CSVs of answers, one for each annotator and named after them.")
    ],
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Take annotators' answers: preference, and agreement with each other and with every judge."""
    from gisteval.pipeline.judge.human import import_answers
    from gisteval.report.judging import judging_text
    from gisteval.report.summary import judged_text

    entries = import_answers(run, files)
    if as_json:
        print_json([entry.to_json() for entry in entries])
    else:
        print_text(judging_text(entries) if verbose else judged_text(entries))
        print(f"report: {run / 'report' / 'report.md'}")
