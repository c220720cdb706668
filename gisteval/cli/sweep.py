"""The command `gisteval sweep`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from gisteval.cli.dry_run import DollarsPerHour, DryRun, FlopsPerSecond, given_rates
from gisteval.cli.options import AsJson, Given, with_options
from gisteval.cli.output import print_json, print_text, quiet_libraries
from gisteval.config import RunConfig


@with_options(RunConfig, "allow_host")
def sweep(
    given: Given[RunConfig],
    file: Annotated[
        Path, typer.Argument(help="YAML file with a grid of values, or entries: docs/sweeps.md.")
    ],
    output: Annotated[
        Path, typer.Option(help="Folder of the runs. Entries that are finished there are not run again.")
    ],
    shard: Annotated[
        str | None,
        typer.Option(help="I/N: run only every N-th entry from the I-th on, and write no report."),
    ] = None,
    dry_run: DryRun = False,
    flops_per_second: FlopsPerSecond = None,
    dollars_per_hour: DollarsPerHour = None,
    as_json: AsJson = False,
) -> None:
    """Run every entry of a file in a folder of its own, and report on all of them at once."""
    from gisteval.pipeline.sweep.sweep_file import read_sweep

    allowed = given.build().allow_host
    configs = tuple(replace(config, allow_host=allowed) for config in read_sweep(file))
    quiet_libraries()
    from gisteval.pipeline.sweep.sweep_runs import SweepShard, report_sweep, run_sweep

    chosen = configs if shard is None else SweepShard.parse(shard).of(configs)
    rates = given_rates(dry_run, flops_per_second, dollars_per_hour)
    if rates is not None:
        from gisteval.pipeline.estimate.text import sweep_text
        from gisteval.pipeline.sweep.sweep_cost import estimate_sweep

        cost = estimate_sweep(chosen, output, rates)
        if as_json:
            print_json(cost.to_json())
        else:
            print_text(sweep_text(cost))
        return
    outcomes = []
    for outcome in run_sweep(chosen, output, ["gisteval", *sys.argv[1:]]):
        outcomes.append(outcome)
        said = f"failed: {outcome.error}" if outcome.state == "failed" else outcome.state
        print_text(f"{outcome.name}: {said}", file=sys.stderr)
    outcomes.sort(key=lambda outcome: outcome.number)
    report = report_sweep(outcomes, output) if shard is None else None
    failed = [outcome for outcome in outcomes if outcome.state == "failed"]
    if as_json:
        found = [outcome.to_json() for outcome in outcomes]
        content = {"entries": found, "report": None if report is None else str(report)}
        print_json(content)
    else:
        print(f"entries: {len(outcomes) - len(failed)} finished, {len(failed)} failed")
        print(*([] if report is None else [f"report: {report}"]), sep="\n", end="\n" if report else "")
    if failed:
        raise typer.Exit(max(outcome.exit_code for outcome in failed))
