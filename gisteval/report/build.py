"""The report of one or more runs: everything it is made of is read here once, and laid out from there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from gisteval.errors import MissingExtra
from gisteval.report.agreement import agreement_table
from gisteval.report.data import ReportData, read_runs
from gisteval.report.efficiency import efficiency_tables
from gisteval.report.figures import can_draw, draw_figures
from gisteval.report.judging import judging_tables
from gisteval.report.layout import Table, latex_text, markdown_text
from gisteval.report.markdown import write_report
from gisteval.report.page import PageContent, write_page
from gisteval.report.paper import paper_tables
from gisteval.report.quality import quality_tables
from gisteval.report.samples import collect_samples
from gisteval.report.tables import split_tables
from gisteval.report.values import read_values
from gisteval.run_folder import RunFolder
from gisteval.store import write_atomic


def build_report(runs: Sequence[RunFolder], output: Path) -> Path:
    """Write report.html, report.md, tables/ and figures/ into `output`; returns the path of report.html.

    Without matplotlib the report has no figures, and says so.

    Raises GistevalError if a run is not finished or its records are damaged.
    """
    data = read_runs(runs)
    tables = report_tables(data)
    for table in tables:
        _write_table(table, output / "tables")
    write_report(data, tables, output / "report.md")
    samples = collect_samples(data)
    if can_draw():
        content = PageContent(data, tables, draw_figures(data, samples, output / "figures"), samples)
    else:
        content = PageContent(
            data, tables, (), samples, f"No figures: {MissingExtra('matplotlib', 'report')}."
        )
    return write_page(content, output / "report.html")


def current_page(run: RunFolder) -> Path:
    """The run's report.html; it is built first if it is missing or older than what it is made of.

    Raises GistevalError as `build_report` does.
    """
    folder = run.path / "report"
    page = folder / "report.html"
    sources = [run.path / "results.json", folder / "profile.json", *(run.path / "verdicts").glob("*.jsonl")]
    changed = max((file.stat().st_mtime for file in sources if file.is_file()), default=0.0)
    if page.is_file() and page.stat().st_mtime >= changed:
        return page
    return build_report([run], folder)


def report_tables(data: ReportData) -> list[Table]:
    """All tables of a report, in its order; those without a row are left out."""
    values = read_values(data)
    tables = [
        *quality_tables(data, values),
        agreement_table(values),
        *efficiency_tables(data),
        *split_tables(data.rows),
        *judging_tables(data.judging),
        *paper_tables(data),
    ]
    return [table for table in tables if table.rows]


def _write_table(table: Table, folder: Path) -> None:
    """CSV with the intervals, LaTeX without them (a column is narrow), Markdown as in the report."""
    write_atomic(folder / f"{table.name}.csv", table.csv_text())
    write_atomic(folder / f"{table.name}.tex", latex_text(table.without_intervals()))
    write_atomic(folder / f"{table.name}.md", markdown_text(table) + "\n")
