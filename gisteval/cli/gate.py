"""The commands `gisteval gate` and `gisteval compare`: a verdict on two runs, and how they differ."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gisteval.cli.options import AsJson, print_json, print_text
from gisteval.errors import GistevalError, InvalidRun

if TYPE_CHECKING:
    from gisteval.gate.compare import Comparison
    from gisteval.gate.gate import GateOptions

SHOWN = 300
"""Characters of a text that are printed."""

Split = Annotated[str | None, typer.Option(help="Comma-separated. Default: all that both runs have.")]


def gate(
    candidate: Annotated[Path | None, typer.Argument(help="Run folder of the candidate.")] = None,
    baseline: Annotated[Path | None, typer.Option(help="Run folder of the baseline.")] = None,
    metric: Annotated[
        str,
        typer.Option(help="win_rate, rougeL, exact_match, chrF, nll or another of gisteval ls metrics."),
    ] = "win_rate",
    margin: Annotated[
        float | None,
        typer.Option(help="Points the candidate may be worse, or units of the metric. Default: 5 points."),
    ] = None,
    min_win_rate: Annotated[
        float | None, typer.Option(help="Percent that the candidate's win rate must lie above.")
    ] = None,
    split: Split = None,
    judge: Annotated[str | None, typer.Option(help="If several judges judged both runs.")] = None,
    system: Annotated[str | None, typer.Option(help="Candidate, in a run of several systems.")] = None,
    baseline_system: Annotated[
        str | None, typer.Option(help="Baseline, in a run of several. Default: the candidate's name.")
    ] = None,
    inconclusive: Annotated[
        str | None, typer.Option(help="fail or pass: what INCONCLUSIVE counts as. Default: exit code 3.")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to this file.")] = None,
    plan: Annotated[bool, typer.Option("--plan", help="Say how many examples a margin needs.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say whether a candidate is as good as a baseline: exit code 0 PASS, 1 FAIL, 3 INCONCLUSIVE."""
    from gisteval.gate.gate import GateOptions, default_margin, run_gate
    from gisteval.gate.measures import gate_metric
    from gisteval.gate.output import gate_json, gate_text, junit_xml
    from gisteval.records.store import write_atomic

    if plan and junit:
        raise GistevalError("--plan gives no verdict, so there is no --junit file: leave one out")
    margin = default_margin(gate_metric(metric)) if margin is None else margin
    if candidate is None and baseline is None and plan:
        GateOptions(Path(), Path(), metric=metric, margin=margin)
        _show_plan(None, margin, as_json)
        return
    if candidate is None or baseline is None:
        raise GistevalError("give two runs: gisteval gate CANDIDATE --baseline BASELINE")
    options = GateOptions(
        candidate=candidate,
        baseline=baseline,
        metric=metric,
        margin=margin,
        min_win_rate=min_win_rate,
        splits=_names(split),
        judge=judge,
        system=system,
        baseline_system=baseline_system,
        inconclusive=inconclusive,  # type: ignore[arg-type]
    )
    if plan:
        _show_plan(options, margin, as_json)
        return
    result = run_gate(options)
    if junit:
        write_atomic(junit, junit_xml(result))
    if as_json:
        print_json(gate_json(result))
    else:
        print_text(gate_text(result))
    sys.stdout.flush()
    raise typer.Exit(result.exit_code)


def compare(
    run_a: Annotated[Path, typer.Argument(help="Run folder.")],
    run_b: Annotated[Path, typer.Argument(help="Run folder that it is compared with.")],
    system: Annotated[str | None, typer.Option(help="System of RUN_A, if it has several.")] = None,
    baseline_system: Annotated[
        str | None, typer.Option(help="System of RUN_B. Default: the only one, or the same name.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(help="Comma-separated. Default: the usual metrics of RUN_A, and every win rate."),
    ] = None,
    split: Split = None,
    changed: Annotated[int, typer.Option(help="Examples a split that changed most.")] = 5,
    as_json: AsJson = False,
) -> None:
    """Compare two runs example by example on several metrics: RUN_A minus RUN_B."""
    if changed < 0:
        raise GistevalError(f"--changed must be at least 0, not {changed}")
    from gisteval.gate.compare import compare as compare_sides
    from gisteval.gate.sides import choose_side

    first = choose_side(run_a, system, "--system")
    second = choose_side(run_b, baseline_system, "--baseline-system", like=first.system)
    found = compare_sides(first, second, _names(split), changed, _names(metric))
    if as_json:
        print_json(found.to_json())
    else:
        print_text(_comparison_text(found))
    if found.vetoes:
        sys.stdout.flush()
        raise InvalidRun(f"{found.vetoes[0]}: its win rates show nothing")


def _show_plan(options: GateOptions | None, margin: float, as_json: bool) -> None:
    from gisteval.gate.planning import plan_from_runs, plan_text, plan_without_runs

    plans = plan_from_runs(options) if options else plan_without_runs(margin)
    if as_json:
        print_json([asdict(found) for found in plans])
    else:
        print(plan_text(plans, margin, options.unit if options else "points"))


def _comparison_text(found: Comparison) -> str:
    from gisteval.report.layout import Table, plain_text
    from gisteval.report.tables import interval_text

    columns = ("split", "metric", "first", "second", "difference", "p", "p (Holm)", "up/equal/down", "n")
    rows = tuple(
        (
            row.split,
            f"{row.metric} †" if row.doubt else row.metric,
            f"{row.first:.2f}",
            f"{row.second:.2f}",
            interval_text(row.difference, row.ci_low, row.ci_high, 2),
            f"{row.p_value:.3g}",
            f"{row.p_holm:.3g}",
            f"{row.higher}/{row.equal}/{row.lower}",
            str(row.n),
        )
        for row in found.differences
    )
    doubts = dict.fromkeys(row.doubt for row in found.differences if row.doubt)
    note = " ".join(f"† {doubt}." for doubt in doubts)
    text = [plain_text(Table("compare", f"{found.first} minus {found.second}", columns, rows, note))]
    text += [f"left out: {reason}" for reason in found.left_out]
    for change in found.changes:
        text += [
            f"{change.split} {change.example}: {found.leading} {change.difference:+.1f}",
            f"  instruction {_shown(change.instruction)}, input {_shown(change.input)}",
            f"  reference   {_shown(change.reference)}",
            f"  first       {_shown(change.first)}",
            f"  second      {_shown(change.second)}",
        ]
    return "\n".join(text)


def _shown(text: str) -> str:
    """A text on one line, without control characters, cut off where it is long (JSON has all of it)."""
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")


def _names(text: str | None) -> tuple[str, ...]:
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())
