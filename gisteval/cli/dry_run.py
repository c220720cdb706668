"""What `--dry-run` has and prints, for a run and for a sweep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from gisteval.cli.output import print_json, print_text
from gisteval.errors import GistevalError, counted
from gisteval.options import Panel

if TYPE_CHECKING:
    from gisteval.pipeline.estimate.run_cost import Rates
    from gisteval.pipeline.run.plan import Plan

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Print what would be run: its tokens, FLOPs, time, dollars and memory. Nothing is started.",
        rich_help_panel=Panel.ESTIMATE,
    ),
]
FlopsPerSecond = Annotated[
    float | None,
    typer.Option(
        help=r"Speed of a worker, for --dry-run. [dim]\[default: a matrix product timed here][/dim]",
        metavar="FLOPS",
        rich_help_panel=Panel.ESTIMATE,
    ),
]
DollarsPerHour = Annotated[
    float | None,
    typer.Option(
        help="Price of a worker, for --dry-run.", metavar="DOLLARS", rich_help_panel=Panel.ESTIMATE
    ),
]


def given_rates(
    dry_run: bool, flops_per_second: float | None, dollars_per_hour: float | None
) -> Rates | None:
    """What an estimate counts with; None without --dry-run.

    Raises GistevalError for a rate that is not positive, or nothing to use it for.
    """
    if not dry_run:
        if flops_per_second is not None or dollars_per_hour is not None:
            raise GistevalError("--flops-per-second and --dollars-per-hour need --dry-run")
        return None
    from gisteval.pipeline.estimate.run_cost import Rates

    return Rates(flops_per_second, dollars_per_hour)


def print_estimate(plan: Plan, rates: Rates, as_json: bool, verbose: bool) -> None:
    """The plan of a run and what it takes. verbose: with each split and its tokens."""
    from gisteval.pipeline.estimate.run_cost import estimate_run
    from gisteval.pipeline.estimate.text import estimate_text
    from gisteval.pipeline.run.plan import output_folder
    from gisteval.report.summary import filled

    output = str(output_folder(plan))
    generations = len(plan.systems) * sum(len(examples) for examples in plan.answers.values())
    cost = estimate_run(plan, rates, with_memory=True)
    if as_json:
        described = {
            "output": output,
            "splits": {split: len(examples) for split, examples in plan.examples.items()},
            "systems": [system.name for system in plan.systems],
            "generations": generations,
            "notes": list(plan.notes),
        }
        print_json({**described, **cost.to_json()})
        return
    systems = counted(len(plan.systems), "system")
    print_text(f"output: {output}, {systems}, {counted(generations, 'generation')}")
    print_text(estimate_text(cost, "What the run takes", verbose), end="")
    for note in plan.notes:
        print_text(filled(f"note: {note}"))
