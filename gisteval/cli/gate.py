"""The command `gisteval gate`: a verdict on a candidate against a baseline."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from gisteval.cli.options import AsJson, SplitNames, names_of
from gisteval.cli.output import print_json, print_text
from gisteval.errors import GistevalError

if TYPE_CHECKING:
    from gisteval.gate.options import GateOptions


MetricName = Annotated[
    str, typer.Option(help="What is compared: win_rate, rougeL or another one of gisteval ls metrics.")
]
Margin = Annotated[
    str | None,
    typer.Option(
        help="How much worse the candidate may be: a number in units of the metric, 10%gap (of what lies "
        "between the controls), or 90%retained (of the baseline's gain over the negative control). "
        "Default: 5 points; a metric without bounds needs one."
    ),
]
Floor = Annotated[float | None, typer.Option(help="Percent that the candidate's win rate must lie above.")]
JudgeName = Annotated[
    str | None, typer.Option(help="Whose win rates are compared, if several judges judged both runs.")
]
Candidate = Annotated[
    str | None, typer.Option(help="Which system is the candidate, if its run has several.")
]
Baseline = Annotated[
    str | None,
    typer.Option(
        help="Which system is the baseline, if its run has several. Default: the candidate's name."
    ),
]
CountsAs = Annotated[
    str | None,
    typer.Option(help="What INCONCLUSIVE counts as: fail or pass. Default: neither, exit code 3."),
]
OnlyPlan = Annotated[
    bool, typer.Option("--plan", help="Give no verdict, but say how many examples a margin needs.")
]
Sequential = Annotated[
    bool,
    typer.Option(
        "--sequential",
        help="Give a verdict that holds at every look, so that judging may go on until it is clear. "
        "Pairs may be unjudged.",
    ),
]
Equivalence = Annotated[
    bool,
    typer.Option("--equivalence", help="Require that the candidate isn't better by the margin either."),
]


def gate(
    candidate: Annotated[Path | None, typer.Argument(help="Run folder of the candidate.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="Run folder of the baseline.")] = None,
    metric: MetricName = "win_rate",
    margin: Margin = None,
    min_win_rate: Floor = None,
    split: SplitNames = None,
    judge: JudgeName = None,
    system: Candidate = None,
    baseline_system: Baseline = None,
    inconclusive: CountsAs = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to this file.")] = None,
    plan: OnlyPlan = False,
    sequential: Sequential = False,
    equivalence: Equivalence = False,
    as_json: AsJson = False,
) -> None:
    """Say whether a candidate is as good as a baseline: exit code 0 PASS, 1 FAIL, 3 INCONCLUSIVE."""
    from gisteval.gate.margins import Margin as GateMargin
    from gisteval.gate.margins import parse_margin
    from gisteval.gate.measures import gate_metric
    from gisteval.gate.options import GateOptions, default_margin

    if plan and junit:
        raise GistevalError("--plan gives no verdict, so there is no --junit file: leave one out")
    if plan and sequential:
        raise GistevalError("--plan is for a gate that looks once: leave --sequential out")
    allowed = GateMargin(default_margin(gate_metric(metric))) if margin is None else parse_margin(margin)
    if plan and allowed.kind != "points":
        raise GistevalError("--plan needs a --margin in points")
    if candidate is None and baseline is None and plan:
        GateOptions(Path(), Path(), metric=metric, margin=allowed.size)
        _show_plan(None, allowed.size, as_json)
        return
    if candidate is None or baseline is None:
        raise GistevalError("give two runs: gisteval gate CANDIDATE --baseline BASELINE")
    options = GateOptions(
        candidate=candidate,
        baseline=baseline,
        metric=metric,
        margin=allowed.size,
        margin_kind=allowed.kind,
        min_win_rate=min_win_rate,
        splits=names_of(split),
        judge=judge,
        system=system,
        baseline_system=baseline_system,
        inconclusive=inconclusive,  # type: ignore[arg-type]
        sequential=sequential,
        equivalence=equivalence,
    )
    if plan:
        _show_plan(options, allowed.size, as_json)
        return
    _show_verdict(options, junit, as_json)


def _show_verdict(options: GateOptions, junit: Path | None, as_json: bool) -> NoReturn:
    """Decide, say so, and end with the exit code of the outcome."""
    from gisteval.gate.gate import run_gate
    from gisteval.gate.output import gate_json, gate_text, junit_xml
    from gisteval.records.store import write_atomic

    result = run_gate(options)
    if junit:
        write_atomic(junit, junit_xml(result))
    if as_json:
        print_json(gate_json(result))
    else:
        print_text(gate_text(result))
    sys.stdout.flush()
    raise typer.Exit(result.exit_code)


def _show_plan(options: GateOptions | None, margin: float, as_json: bool) -> None:
    from gisteval.gate.planning import plan_from_runs, plan_text, plan_without_runs

    plans = plan_from_runs(options) if options else plan_without_runs(margin)
    if as_json:
        print_json([asdict(found) for found in plans])
    else:
        print(plan_text(plans, margin))
