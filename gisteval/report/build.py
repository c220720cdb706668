"""The report of one or more runs. All its data are read here once; the other modules lay them out."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from markupsafe import escape

from gisteval.errors import MissingExtra
from gisteval.files.names import file_name
from gisteval.records.diagnosis import DIAGNOSIS, FOLDER
from gisteval.records.run_folder import RunFolder
from gisteval.records.store import only_writer, write_atomic
from gisteval.report import coverage
from gisteval.report.agreement import agreement_table
from gisteval.report.claims import findings
from gisteval.report.data import ReportData, read_runs
from gisteval.report.efficiency import cost_claims, efficiency_tables
from gisteval.report.figures import can_draw, draw_figures
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.frontier import frontier_tables
from gisteval.report.groups import group_tables
from gisteval.report.judging import judging_tables
from gisteval.report.layout import Table, latex_text, markdown_text
from gisteval.report.markdown import write_report
from gisteval.report.page import PageContent, page_policy, write_page
from gisteval.report.paper import paper_tables
from gisteval.report.quality import quality_tables
from gisteval.report.run_pairs import run_pair_tables
from gisteval.report.samples import Samples, collect_samples
from gisteval.report.sampling import sampling_tables
from gisteval.report.tables import split_tables
from gisteval.report.values import values_of

HEAD = 4096
"""The number of characters at the start of a page that contain its policy."""

PATIENCE = 600.0
"""How long, in seconds, a report waits for another report into the same folder."""


@contextmanager
def _without_collection() -> Iterator[None]:
    """Search for no garbage meanwhile: samples hold no cycles, and each search goes through all of them."""
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if searched:
            gc.enable()


@_without_collection()
def build_report(
    runs: Sequence[RunFolder],
    output: Path,
    intervals: bool | None = None,
    formats: Sequence[str] = (),
) -> Path:
    """Write report.html, report.md, tables/ and figures/ into a folder.

    Without matplotlib the report has no figures and says so. If another process writes a report into the
    same folder, this one waits.

    Args:
        runs: The finished runs.
        output: The folder of the report.
        intervals: Whether Markdown and LaTeX tables have intervals. None: Markdown tables only.
        formats: Those of the figures, beside SVG.

    Returns:
        The path of report.html.

    Raises:
        GistevalError: A run is not finished, or its records are damaged.
    """
    data = read_runs(runs)
    samples = collect_samples(data)
    tables = report_tables(data, samples)
    with only_writer(output, patience=PATIENCE):
        for table in tables:
            _write_table(table, output / "tables", intervals)
        shown = [table.without_intervals() for table in tables] if intervals is False else tables
        claims = findings(data.rows, samples, cost_claims(data), data.doubts)
        write_report(data, shown, claims, output / "report.md")
        drawn_into = FigureFolder(output / "figures", tuple(formats))
        figures = draw_figures(data, samples, drawn_into) if can_draw() else ()
        note = "" if can_draw() else f"No figures: {MissingExtra('matplotlib', 'report')}."
        return write_page(PageContent(data, claims, tables, figures, samples, note), output / "report.html")


def current_page(run: RunFolder) -> Path:
    """Return the path of the run's report.html, built anew if it is out of date.

    It is out of date if it is missing, older than the files that it is made of, or written by another
    version, whose scripts `view` would not let run.

    Raises:
        GistevalError: As in `build_report`.
    """
    folder = run.path / "report"
    page = folder / "report.html"
    made_of = [run.path / name for name in ("results.json", coverage.FILE)]
    made_of += [folder / "profile.json", run.path / FOLDER / DIAGNOSIS]
    sources = [*made_of, *(run.path / "verdicts").glob("*.jsonl")]
    changed = max((file.stat().st_mtime for file in sources if file.is_file()), default=0.0)
    if page.is_file() and page.stat().st_mtime >= changed and _is_ours(page):
        return page
    return build_report([run], folder)


def _is_ours(page: Path) -> bool:
    """Say whether the page's head has the policy of this installation."""
    with page.open(encoding="utf-8", errors="replace") as stream:
        return str(escape(page_policy())) in stream.read(HEAD)


def report_tables(data: ReportData, samples: Samples) -> list[Table]:
    """Return the tables of a report in their order. Tables without a row are left out."""
    values = values_of(samples)
    tables = [
        *run_pair_tables(data, values),
        *frontier_tables(data, values),
        *quality_tables(data, values),
        *sampling_tables(data),
        *group_tables(samples),
        agreement_table(values),
        *efficiency_tables(data),
        *split_tables(data.rows),
        *judging_tables(data.judging, data.doubts),
        *paper_tables(data),
    ]
    return [table for table in tables if table.rows]


def _write_table(table: Table, folder: Path, intervals: bool | None) -> None:
    """Write a table as CSV (always with intervals), LaTeX (with intervals on request) and Markdown."""
    bare = table.without_intervals()
    name = file_name(table.name)  # a split's name can be anything that a task file says
    write_atomic(folder / f"{name}.csv", table.csv_text())
    write_atomic(folder / f"{name}.tex", latex_text(table if intervals else bare))
    write_atomic(folder / f"{name}.md", markdown_text(bare if intervals is False else table) + "\n")
