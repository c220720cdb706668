"""The command `gisteval compare`: how two runs differ, example by example."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gisteval.cli.options import AsJson, SplitNames, names_of
from gisteval.cli.output import print_json, print_text
from gisteval.errors import GistevalError, InvalidRun

if TYPE_CHECKING:
    from gisteval.gate.compare import Comparison

SHOWN = 300
"""Characters of a text that are printed."""


def compare(
    run_a: Annotated[Path, typer.Argument(help="Run folder.")],
    run_b: Annotated[Path, typer.Argument(help="Run folder that it is compared with.")],
    system: Annotated[str | None, typer.Option(help="Which system of RUN_A, if it has several.")] = None,
    baseline_system: Annotated[
        str | None, typer.Option(help="Which system of RUN_B. Default: the only one, or the same name.")
    ] = None,
    metric: Annotated[
        str | None,
        typer.Option(
            help="Metrics, separated by commas. Default: the usual ones of RUN_A, and every win rate.",
            metavar="NAMES",
        ),
    ] = None,
    split: SplitNames = None,
    changed: Annotated[
        int, typer.Option(help="How many of the examples that changed most are shown for each split.")
    ] = 5,
    as_json: AsJson = False,
) -> None:
    """Compare two runs example by example on several metrics: RUN_A minus RUN_B."""
    if changed < 0:
        raise GistevalError(f"--changed must be at least 0, not {changed}")
    from gisteval.gate.compare import compare as compare_sides
    from gisteval.gate.sides import choose_side

    first = choose_side(run_a, system, "--system")
    second = choose_side(run_b, baseline_system, "--baseline-system", like=first.system)
    found = compare_sides(first, second, names_of(split), changed, names_of(metric))
    if as_json:
        print_json(found.to_json())
    else:
        print_text(_comparison_text(found))
    if found.vetoes:
        sys.stdout.flush()
        raise InvalidRun(f"{found.vetoes[0]}: its win rates show nothing")


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
