"""The command `gisteval ls`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gisteval.cli.options import AsJson
from gisteval.cli.output import print_rows


def ls(
    kind: Annotated[str, typer.Argument(help="tasks, judges, compressors or checkpoints.")],
    as_json: AsJson = False,
) -> None:
    """List the tasks, judges, compressors or checkpoints that there are."""
    from gisteval.pipeline.listing import listing

    print_rows(listing(kind), as_json, _line)


def _line(row: dict[str, Any]) -> str:
    """A name and what it is; below it, what a compressor reads, needs and takes."""
    first = f"{row['name']:24}  {row['description']}"
    return "\n".join([first, *(f"{'':24}  {text}" for text in _facts(row))])


def _facts(row: dict[str, Any]) -> list[str]:
    if "settings" not in row:
        return []
    weights = {"own": "the checkpoint's own weights", "full": "the positive control's weights"}
    facts = [f"reads {weights[row['reads']]}"]
    if row["needs"]:
        facts.append(f"needs {' and '.join(row['needs'])}")
    facts.append("takes a budget" if row["budget"] else "takes no budget")
    if not row["reusable"]:
        facts.append("a compressed prompt serves one input")
    settings = ", ".join(f"{name}={value}" for name, value in row["settings"].items())
    lines = ["; ".join(facts), f"settings: {settings}" if settings else "", row["source"]]
    return [line for line in lines if line]
