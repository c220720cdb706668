"""The command `gisteval ls`, whose text is as wide as the terminal, 80 columns without one."""

from __future__ import annotations

from shutil import get_terminal_size
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from gisteval.cli.options import AsJson
from gisteval.cli.output import print_json, print_text

if TYPE_CHECKING:
    from gisteval.pipeline.listing import Listed


def ls(
    kind: Annotated[str, typer.Argument(help="tasks, judges, compressors or checkpoints.")],
    as_json: AsJson = False,
) -> None:
    """List the tasks, judges, compressors or checkpoints that there are."""
    from gisteval.pipeline.listing import listing

    rows = listing(kind)
    if as_json:
        print_json([row.to_json() for row in rows])
    else:
        print_text("\n".join(map(_line, rows)))


def _line(row: Listed) -> str:
    """A name and what it is; below it, what a compressor reads, needs and takes."""
    width, indent = get_terminal_size().columns, " " * 4
    first = fill(f"{row.name:20}  {row.description}", width, subsequent_indent=" " * 22)
    others = (fill(text, width, initial_indent=indent, subsequent_indent=indent) for text in _facts(row))
    return "\n".join([first, *others])


def _facts(row: Listed) -> list[str]:
    from gisteval.pipeline.listing import ListedCompressor

    if not isinstance(row, ListedCompressor):
        return []
    weights = {"own": "the checkpoint's own weights", "full": "the positive control's weights"}
    facts = [f"reads {weights[row.reads]}"]
    if row.needs:
        facts.append(f"needs {' and '.join(row.needs)}")
    facts.append("takes a budget" if row.budget else "takes no budget")
    if not row.reusable:
        facts.append("a compressed prompt serves one input")
    settings = ", ".join(f"{name}={value}" for name, value in row.settings.items())
    lines = ["; ".join(facts), f"settings: {settings}" if settings else "", row.source]
    return [line for line in lines if line]
