"""The command `gisteval leaderboard`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import AsJson
from gisteval.cli.output import print_json, print_text
from gisteval.errors import GistevalError


def leaderboard(
    runs: Annotated[list[Path], typer.Argument(help="Folders of finished runs.")],
    metric: Annotated[
        str | None,
        typer.Option(
            help="Score that systems are ranked by, such as exact_match, or exact_match.pass@4 for runs "
            "with --samples. [dim]\\[default: the first of the runs' task][/dim]",
            metavar="NAME",
        ),
    ] = None,
    output: Annotated[
        list[Path] | None,
        typer.Option(
            help="File to write, in the form of its ending: .md, .csv, .json or .html. May be repeated.",
            metavar="FILE",
        ),
    ] = None,
    correction: Annotated[
        str,
        typer.Option(
            help="How all pairs are corrected for their number: holm (most likely no order is false) or "
            "bh (few of them are).",
        ),
    ] = "holm",
    as_json: AsJson = False,
) -> None:
    """Rank the systems of finished runs in groups that the data tell apart."""
    from gisteval.records.run_folder import RunFolder
    from gisteval.records.store import write_atomic
    from gisteval.report import leaderboard as board
    from gisteval.report.data import read_runs
    from gisteval.report.samples import collect_samples
    from gisteval.report.values import values_of
    from gisteval.report.winners import winner_warnings

    for file in output or ():
        if file.suffix[1:] not in board.FORMATS:
            known = ", ".join(f".{ending}" for ending in board.FORMATS)
            raise GistevalError(f"--output {file}: the ending must be one of {known}")
    data = read_runs([RunFolder.open(path) for path in runs])
    values = values_of(collect_samples(data))
    ranked = board.leaderboard(data, values, metric or data.leading.name, correction)
    for warning in winner_warnings(data, values, ranked):
        print_text(f"warning: {warning}", file=sys.stderr)
    for file in output or ():
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(file, board.FORMATS[file.suffix[1:]](ranked))
    if as_json:
        print_json([asdict(one) for one in ranked])
    else:
        print_text(board.as_text(ranked), end="")
