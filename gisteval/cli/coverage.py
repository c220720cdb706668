"""The command `gisteval coverage`: how often a run's intervals cover the truth, simulated."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.options import AsJson, Verbose, names_of
from gisteval.cli.output import print_json, print_text


def coverage(
    run: Annotated[Path, typer.Argument(help="Folder of a finished run.")],
    metric: Annotated[
        str | None,
        typer.Option(
            help="Metrics, separated by commas. Default: scores in percent, losses and win rates.",
            metavar="NAMES",
        ),
    ] = None,
    samples: Annotated[int, typer.Option(min=10, help="Samples that are drawn for each number.")] = 400,
    seed: Annotated[int, typer.Option(min=0, help="Another seed draws other samples.")] = 0,
    verbose: Verbose = False,
    as_json: AsJson = False,
) -> None:
    """Simulate how often the intervals of a run cover the truth, on data shaped like its own."""
    from gisteval.pipeline.coverage import simulate_run
    from gisteval.records.run_folder import RunFolder
    from gisteval.report.coverage import coverage_summary, coverage_table, coverage_text
    from gisteval.report.layout import plain_text
    from gisteval.report.retention_sets import unbounded_retentions
    from gisteval.report.summary import WIDTH

    found = simulate_run(run, names_of(metric), samples, seed)
    if as_json:
        print_json([row.to_json() for row in found])
    else:
        sets = unbounded_retentions(RunFolder.open(run))
        if verbose:
            print_text(plain_text(coverage_table(found)))
        else:
            print_text(plain_text(coverage_summary(found)))
            print_text(textwrap.fill(coverage_text(found), WIDTH))
        print_text("\n".join(textwrap.fill(sentence, WIDTH) for sentence in sets))
