"""The command `gisteval report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import FigureFormats


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    output: Annotated[
        Path | None,
        typer.Option(
            help="Folder of the report. Default: report/ of a single run, runs/report for several."
        ),
    ] = None,
    intervals: Annotated[
        bool | None,
        typer.Option(
            "--intervals/--no-intervals",
            help="Intervals in Markdown and LaTeX tables. Default: in Markdown only.",
        ),
    ] = None,
    formats: FigureFormats = "",
) -> None:
    """Write the report of one or more runs: report.html, report.md, tables and figures."""
    from gisteval.records.run_folder import RunFolder
    from gisteval.report.build import build_report
    from gisteval.report.figures.folder import parse_formats

    kinds = parse_formats(formats)
    folders = [RunFolder.open(path) for path in runs]
    target = output or (runs[0] / "report" if len(runs) == 1 else Path("runs/report"))
    print(f"report: {build_report(folders, target, intervals, kinds)}")
