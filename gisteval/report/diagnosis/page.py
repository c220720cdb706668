"""The page of a diagnosis: diagnosis.html, with its tables and figures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from gisteval.content import find_content
from gisteval.errors import MissingExtra
from gisteval.files.names import file_name
from gisteval.records.diagnosis import FOLDER, Diagnosis
from gisteval.records.store import write_atomic
from gisteval.report.diagnosis.tables import diagnosis_tables
from gisteval.report.figures.drawn import RunFigure, can_draw, drawn_figure
from gisteval.report.layout import latex_text, markdown_text
from gisteval.report.page import page_environment, policy

PAGE = "diagnosis.html"

STATES = ("", "ok", "note", "open", "warning", "fault")
"""From nothing to the worst."""

TITLES = {
    "divergence": "Is it like the full prompt?",
    "states": "Do gists differ?",
    "leakage": "Are gists used?",
    "reconstruction": "Can the prompt be read back?",
    "strictness": "Where does it go through?",
    "drift": "May stored gists be kept?",
    "work": "What does it save?",
    "training": "Was training healthy?",
    "choice": "Is k right?",
}
"""The question that each measure answers."""


def write_diagnosis_page(content: Diagnosis, folder: Path) -> Path:
    """Write `diagnostics/`: diagnosis.html, tables/ and figures/.

    Args:
        content: The diagnosis.
        folder: What holds `diagnostics/`: a run, or the diagnosis's own folder.

    Returns:
        The path of the page.
    """
    place = folder / FOLDER
    tables = diagnosis_tables(content)
    for table in tables:
        stem = place / "tables" / file_name(table.name)
        write_atomic(stem.with_name(f"{stem.name}.csv"), table.csv_text())
        write_atomic(stem.with_name(f"{stem.name}.tex"), latex_text(table))
        write_atomic(stem.with_name(f"{stem.name}.md"), markdown_text(table) + "\n")
    reports = find_content("reports")
    style = (reports / "page.css").read_text(encoding="utf-8")
    html = (
        page_environment(reports)
        .get_template("diagnosis.html.j2")
        .render(
            content=content,
            style=Markup(style),
            policy=policy(style, ""),
            glance=glance(content),
            titles=TITLES,
            tables=[table for table in tables if table.name != "diagnosis-findings"],
            figures=drawn_diagnosis(content, place / "figures"),
            figures_note="" if can_draw() else f"No figures: {MissingExtra('matplotlib', 'report')}.",
        )
    )
    write_atomic(place / PAGE, html)
    return place / PAGE


def glance(content: Diagnosis) -> dict[str, list[str]]:
    """The worst state of each system, by measure in the diagnosis's order; empty where none applies."""
    found: dict[str, list[str]] = {}
    for finding in content.findings:
        states = found.setdefault(finding.system, [""] * len(content.measures))
        place = content.measures.index(finding.measure)
        states[place] = max(states[place], finding.state, key=STATES.index)
    return found


def drawn_diagnosis(content: Diagnosis, folder: Path) -> Sequence[RunFigure]:
    """Draw the figures of a diagnosis; none without matplotlib."""
    if not can_draw():
        return ()
    from gisteval.report.figures.diagnosis import draw_diagnosis

    return [
        drawn_figure(folder, figure.name, figure.title, figure.caption)
        for figure in draw_diagnosis(content, folder)
    ]
