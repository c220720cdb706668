"""The command `gisteval compare`: how two runs differ, example by example."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gisteval.cli.options import AsJson, SplitNames, Verbose, names_of
from gisteval.cli.output import print_json, print_text
from gisteval.errors import GistevalError, InvalidRun

if TYPE_CHECKING:
    from gisteval.gate.compare import Comparison

SHOWN = 300
"""Characters of a text that are printed with --verbose."""

LEAST_NAME = 8
"""Characters of a metric's name that are printed at least."""


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
    verbose: Verbose = False,
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
        print_text(_wide_text(found) if verbose else _narrow_text(found))
    if found.vetoes:
        sys.stdout.flush()
        raise InvalidRun(f"{found.vetoes[0]}: its win rates show nothing")


def _wide_text(found: Comparison) -> str:
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


def _narrow_text(found: Comparison) -> str:
    """A block for each split, and each text on a line of its own."""
    from gisteval.report.layout import Table, plain_text
    from gisteval.report.summary import WIDTH, shortened
    from gisteval.report.tables import interval_text

    def filled(text: str) -> str:
        return textwrap.fill(text, WIDTH, subsequent_indent="  ")

    text = [filled(f"first: {found.first}"), filled(f"second: {found.second}"), ""]
    columns = ("metric", "first", "second", "first - second", "p (Holm)", "n")
    for split in dict.fromkeys(row.split for row in found.differences):
        own = [row for row in found.differences if row.split == split]
        cells = [
            (
                f"{row.first:.2f}",
                f"{row.second:.2f}",
                interval_text(row.difference, row.ci_low, row.ci_high, 2),
                f"{row.p_holm:.3g}",
                str(row.n),
            )
            for row in own
        ]
        widths = [max(map(len, column)) for column in zip(columns[1:], *cells, strict=True)]
        room = max(LEAST_NAME, WIDTH - 2 - sum(width + 2 for width in widths))
        names = [shortened(row.metric, room - 2) + (" †" if row.doubt else "") for row in own]
        lines = tuple((name, *line) for name, line in zip(names, cells, strict=True))
        text.append(plain_text(Table(split, shortened(split, WIDTH), columns, lines)))
    doubts = dict.fromkeys(row.doubt for row in found.differences if row.doubt)
    text += [filled(f"† {doubt}.") for doubt in doubts]
    text += [filled(f"left out: {reason}") for reason in found.left_out]
    for change in found.changes:
        text.append(filled(f"{change.split} {change.example}: {found.leading} {change.difference:+.1f}"))
        for name in ("instruction", "input", "reference", "first", "second"):
            line = f"  {name:<11} {getattr(change, name)!r}"
            text.append(line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}...")
    return "\n".join(text)


def _shown(text: str) -> str:
    """A text on one line, without control characters, cut off where it is long (JSON has all of it)."""
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")
