"""The command `gisteval run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.dry_run import DollarsPerHour, DryRun, FlopsPerSecond, given_rates, print_estimate
from gisteval.cli.options import AsJson, Given, with_options
from gisteval.cli.output import print_text, quiet_libraries
from gisteval.config import RunConfig, read_config
from gisteval.options import Panel


@with_options(RunConfig)
def run(
    given: Given[RunConfig],
    config: Annotated[
        Path | None,
        typer.Option(
            help="YAML file of these options: docs/configuration.md. What the command line says wins.",
            metavar="FILE",
            rich_help_panel=Panel.OUTPUT,
        ),
    ] = None,
    as_json: AsJson = False,
    dry_run: DryRun = False,
    flops_per_second: FlopsPerSecond = None,
    dollars_per_hour: DollarsPerHour = None,
) -> None:
    """Evaluate checkpoints with their controls on the splits of a task."""
    settings = read_config(config, given)
    quiet_libraries()
    from gisteval.pipeline.run.evaluate import run as run_pipeline
    from gisteval.pipeline.run.plan import plan_run
    from gisteval.report.judging import judging_text
    from gisteval.report.layout import plain_text
    from gisteval.report.tables import split_tables

    rates = given_rates(dry_run, flops_per_second, dollars_per_hour)
    if rates is not None:
        print_estimate(plan_run(settings), rates, as_json)
        return
    finished = run_pipeline(settings, ["gisteval", *sys.argv[1:]])
    if as_json:
        print((finished.folder / "results.json").read_text(encoding="utf-8"), end="")
    else:
        print_text("\n".join(map(plain_text, split_tables(finished.rows))))
        print_text(judging_text(finished.judging), end="\n" if finished.judging else "")
        print(f"report: {finished.folder / 'report' / 'report.html'}")
    for note in finished.notes:
        print_text(f"note: {note}", file=sys.stderr)
