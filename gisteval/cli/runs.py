"""The commands `gisteval runs`, `gisteval runs diff` and `gisteval runs prune`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import AsJson
from gisteval.cli.output import print_json, print_text
from gisteval.errors import counted

app = typer.Typer(help="The runs of a folder: list, compare their manifests, delete.")

RUNS = Path("runs")

Folder = Annotated[Path, typer.Argument(help="Folder that holds the runs.")]


@app.callback(invoke_without_command=True)
def runs(context: typer.Context) -> None:
    """List the runs below runs/, or: ls FOLDER, diff A B, prune."""
    if context.invoked_subcommand is None:
        ls()


@app.command(name="ls")
def ls(folder: Folder = RUNS, as_json: AsJson = False) -> None:
    """List a folder's runs, the latest first: models, task, date, headline and size."""
    from gisteval.pipeline.runs import RunRow, list_runs
    from gisteval.report.layout import Table, plain_text, size_text
    from gisteval.report.summary import fitted

    def cells(row: RunRow) -> tuple[str, ...]:
        name = str(row.path.relative_to(folder)) if row.path != folder else str(folder)
        models = ", ".join(row.models) or "-"
        return name, row.task, row.date[:16], size_text(row.bytes), models

    found = list_runs(folder)
    if as_json:
        print_json([{**asdict(row), "path": str(row.path)} for row in found])
    elif found:
        columns = ("run", "task", "date (UTC)", "size", "models")
        table = fitted(Table("runs", str(folder), columns, tuple(map(cells, found))), "models")
        title, head, rule, *rows = plain_text(table).splitlines()
        indent = " " * (4 + max(len(name) for name, *_ in (columns, *table.rows)))
        below = [f"{row}\n{indent}{run.headline}" for row, run in zip(rows, found, strict=True)]
        print_text("\n".join([title, head, rule, *below]))
    else:
        print_text(f"{folder} holds no run; next: gisteval run --output {folder / 'first'}")


@app.command(name="diff")
def diff(
    first: Annotated[Path, typer.Argument(help="Folder of a run.")],
    second: Annotated[Path, typer.Argument(help="Folder of the other one.")],
    as_json: AsJson = False,
) -> None:
    """Say in which fields the manifests of two runs differ; `gisteval compare` compares their outputs."""
    from gisteval.pipeline.runs import diff_runs

    found = diff_runs(first, second)
    if as_json:
        print_json([asdict(item) for item in found])
        return
    for item in found:
        print_text(f"{item.field}\n  - {_side(item.first)}\n  + {_side(item.second)}")
    print_text(
        f"{counted(len(found), 'field differs', 'fields differ')}; next: gisteval compare {first} {second}"
    )


def _side(text: str | None) -> str:
    if text is None:
        return "(not there)"
    return text if len(text) <= 200 else f"{text[:200]}..."


@app.command(name="prune")
def prune(
    folder: Folder = RUNS,
    unfinished: Annotated[
        bool, typer.Option("--unfinished", help="Delete runs that have no results.")
    ] = False,
    older_than: Annotated[
        float | None,
        typer.Option(help="Delete runs that were last written so many days ago.", metavar="DAYS", min=0),
    ] = None,
    keep: Annotated[
        int | None, typer.Option(help="Delete all but the latest N runs.", metavar="N", min=0)
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Delete without asking.")] = False,
) -> None:
    """Delete runs by a rule, once you agree. Files that gisteval did not write stay."""
    from gisteval.pipeline.runs import delete_run, list_runs, to_prune
    from gisteval.report.layout import size_text

    chosen = to_prune(list_runs(folder), unfinished, older_than, keep)
    for row in chosen:
        print_text(f"{row.path}  {row.date}  {size_text(row.bytes)}  {row.headline}")
    if not chosen:
        print_text("no run to delete")
        return
    size = size_text(sum(row.bytes for row in chosen))
    if not yes and not typer.confirm(f"delete {counted(len(chosen), 'run')} ({size})?"):
        print_text("nothing is deleted")
        return
    for row in chosen:
        if not delete_run(row.path):
            print_text(f"{row.path}: the run is deleted; other files in it stay")
    print_text(f"{counted(len(chosen), 'run')} deleted")
