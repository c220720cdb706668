"""The command `gisteval score`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import AsJson
from gisteval.cli.output import print_json, print_text
from gisteval.errors import GistevalError


def score(
    paths: Annotated[
        list[Path], typer.Argument(help="CSV, TSV, JSONL or JSON files of predictions, or run folders.")
    ],
    prediction_column: Annotated[str, typer.Option(help="Column of the outputs.")] = "y_pred",
    reference_column: Annotated[str, typer.Option(help="Column of the references.")] = "y_true",
    cluster_column: Annotated[
        str | None,
        typer.Option(
            help="Column of groups, such as the instruction: rows of a group are not independent."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score predictions made elsewhere, in percent, or score run folders again."""
    from gisteval.pipeline.score_files import score_file

    runs = [path for path in paths if path.is_dir()]
    if runs:
        if len(runs) < len(paths):
            raise GistevalError("score files or run folders, not both at once")
        _score_runs(runs, as_json)
        return
    scores = [score_file(path, prediction_column, reference_column, cluster_column) for path in paths]
    for warning in filter(None, (file_scores.warning() for file_scores in scores)):
        print_text(f"warning: {warning}", file=sys.stderr)
    if as_json:
        print_json([file_scores.as_row() for file_scores in scores])
        return
    for file_scores in scores:
        print_text(file_scores.summary())


def _score_runs(runs: Sequence[Path], as_json: bool) -> None:
    """Score run folders again, and show their tables."""
    from gisteval.pipeline.score import score_run
    from gisteval.records.lines import to_json
    from gisteval.report.layout import plain_text
    from gisteval.report.tables import split_tables

    folders = [score_run(path) for path in runs]
    if as_json:
        print_json(
            [
                {"run": str(folder.path), "rows": [to_json(row) for row in folder.results()]}
                for folder in folders
            ]
        )
        return
    for folder in folders:
        print_text("\n".join([str(folder.path), *map(plain_text, split_tables(folder.results()))]))
