"""The command `gisteval score`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import AsJson
from gisteval.cli.output import print_json, print_text


def score(
    files: Annotated[list[Path], typer.Argument(help="CSV, TSV, JSONL or JSON files of predictions.")],
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
    """Score predictions made elsewhere: ROUGE-L and exact match, in percent."""
    from gisteval.pipeline.score_files import score_file

    scores = [score_file(path, prediction_column, reference_column, cluster_column) for path in files]
    for warning in filter(None, (file_scores.warning() for file_scores in scores)):
        print_text(f"warning: {warning}", file=sys.stderr)
    if as_json:
        print_json([file_scores.as_row() for file_scores in scores])
        return
    for file_scores in scores:
        print_text(file_scores.summary())
