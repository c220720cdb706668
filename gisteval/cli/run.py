"""The command `gisteval run`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gisteval.cli.dry_run import DollarsPerHour, DryRun, FlopsPerSecond, given_rates, print_estimate
from gisteval.cli.options import AsJson, Given, Verbose, with_options
from gisteval.cli.output import print_text, quiet_libraries
from gisteval.config import RunConfig
from gisteval.config_file import read_config
from gisteval.errors import GistevalError
from gisteval.logs import hushed
from gisteval.options import Panel

if TYPE_CHECKING:
    from gisteval.pipeline.finished import Run

Quiet = Annotated[
    bool,
    typer.Option(
        "--quiet",
        "-q",
        help="Print the run's folder alone, and no progress.",
        rich_help_panel=Panel.OUTPUT,
    ),
]
NoReport = Annotated[
    bool,
    typer.Option(
        "--no-report",
        help="Write no report: gisteval report does it later.",
        rich_help_panel=Panel.OUTPUT,
    ),
]


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
    verbose: Verbose = False,
    quiet: Quiet = False,
    no_report: NoReport = False,
    dry_run: DryRun = False,
    flops_per_second: FlopsPerSecond = None,
    dollars_per_hour: DollarsPerHour = None,
) -> None:
    """Evaluate checkpoints with their controls on the splits of a task."""
    if verbose and quiet:
        raise GistevalError("--verbose and --quiet exclude each other: leave one of them out")
    settings = read_config(config, given)
    quiet_libraries()
    from gisteval.integrations.trackers import run_and_log
    from gisteval.pipeline.run.plan import plan_run

    rates = given_rates(dry_run, flops_per_second, dollars_per_hour)
    if rates is not None:
        print_estimate(plan_run(settings), rates, as_json, verbose)
        return
    with hushed(quiet):
        finished, logged = run_and_log(settings, ["gisteval", *sys.argv[1:]], not no_report)
    if as_json:
        print((finished.folder / "results.json").read_text(encoding="utf-8"), end="")
    elif quiet:
        print(finished.folder)
    else:
        print_text(_told(finished, verbose, no_report))
    for line in logged:
        if not quiet:
            print_text(line, file=sys.stderr)
    for note in finished.notes:
        if not quiet:
            print_text(f"note: {note}", file=sys.stderr)


def _told(finished: Run, verbose: bool, no_report: bool) -> str:
    """The result, where the report is, and the command that most would want next."""
    from gisteval.report.judging import judging_text
    from gisteval.report.layout import plain_text
    from gisteval.report.summary import summary_text
    from gisteval.report.tables import split_tables

    if verbose:
        parts = ["\n".join(map(plain_text, split_tables(finished.rows)))]
        parts += [judging_text(finished.judging)] if finished.judging else []
    else:
        parts = [summary_text(finished.rows, finished.judging)]
    if no_report:
        parts.append(f"next: gisteval report {finished.folder}")
    else:
        parts.append(f"report: {finished.folder / 'report' / 'report.html'}")
        parts.append(f"next: gisteval view {finished.folder}")
    return "\n".join(parts)
