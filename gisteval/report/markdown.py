"""report.md: the results of the runs as one Markdown file."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gisteval.content import find_content
from gisteval.records.store import write_atomic
from gisteval.report.claims import Findings
from gisteval.report.data import ReportData
from gisteval.report.layout import Table, markdown_cell, markdown_code, markdown_line, markdown_text


@cache
def environment(folder: Path) -> Environment:
    """Return the environment that reads the report templates of a folder."""
    templates = Environment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # Markdown, whose names and notes go through the filters below
    )
    templates.filters |= {
        "markdown": markdown_text,
        "cell": markdown_cell,
        "line": markdown_line,
        "code": markdown_code,
    }
    return templates


def write_report(data: ReportData, tables: Sequence[Table], findings: Findings, path: Path) -> Path:
    """Write the page and return its path."""
    template = environment(find_content("reports")).get_template("run.md.j2")
    write_atomic(path, template.render(data=data, tables=tables, findings=findings))
    return path
