"""report.md: the run in one readable file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gisteval.content import find_content
from gisteval.report.tables import split_tables
from gisteval.schema import ResultRow
from gisteval.store import write_atomic


def write_report(
    folder: Path, rows: Sequence[ResultRow], notes: Sequence[str], manifest: Mapping[str, Any]
) -> Path:
    """Write <folder>/report/report.md and return its path."""
    environment = Environment(
        loader=FileSystemLoader(find_content("reports")),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # Markdown of numbers and names; no model output goes in here
    )
    text = environment.get_template("run.md.j2").render(
        tables=split_tables(rows), notes=notes, manifest=manifest
    )
    path = folder / "report" / "report.md"
    write_atomic(path, text)
    return path
