"""The commands `gisteval import-paper`, `import` and `report`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer


def import_paper(
    source: Annotated[Path, typer.Argument(help="Folder with the released files, any subset of them.")],
    output: Annotated[Path, typer.Option(help="Folder of the run.")] = Path("runs/paper"),
    data_dir: Annotated[
        Path | None, typer.Option(help="Where Alpaca+ lies: examples get its texts and ids.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")] = False,
) -> None:
    """Import the paper's released outputs, verdicts and timings as a run, every score recomputed."""
    from gisteval.pipeline.import_paper import import_paper as import_release
    from gisteval.pipeline.import_paper import summary

    found = summary(import_release(source, output, data_dir, ["gisteval", *sys.argv[1:]]))
    if as_json:
        print(json.dumps(found, indent=1, ensure_ascii=False))
        return
    counts = "{output_files} output files, {verdict_files} verdict files, {benchmark_files} benchmark files"
    print(f"{found['run']}: {counts.format(**found)}")
    for note in found["notes"]:
        print(f"note: {note}", file=sys.stderr)


def report(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    output: Annotated[
        Path | None, typer.Option(help="Default: report/ of a single run, runs/report for several.")
    ] = None,
) -> None:
    """Write the report of one or more runs: tables, figures and pages."""
    from gisteval.report.build import build_report
    from gisteval.run_folder import RunFolder

    folders = [RunFolder.open(path) for path in runs]
    target = output or (runs[0] / "report" if len(runs) == 1 else Path("runs/report"))
    print(f"report: {build_report(folders, target)}")
