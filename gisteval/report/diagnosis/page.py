"""The page of a diagnosis: diagnosis.html, with its tables and figures beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from gisteval.content import find_content
from gisteval.errors import MissingExtra, counted
from gisteval.files.names import file_name
from gisteval.records.diagnosis import FOLDER, Diagnosis
from gisteval.records.store import write_atomic
from gisteval.report.claims import family_of
from gisteval.report.diagnosis.tables import diagnosis_tables
from gisteval.report.figures.drawn import RunFigure, can_draw, drawn_figure
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.layout import latex_text, markdown_text
from gisteval.report.page import page_environment, policy

PAGE = "diagnosis.html"

STATES = ("", "note", "ok", "open", "warning", "fault")
"""From nothing to the worst. A note is no judgement, so an ok stands before it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a measure says of a system at a glance. brief: in two or three words, if it has any."""

    state: str = ""
    brief: str = ""


TITLES = {
    "divergence": "What is lost?",
    "states": "Do gists differ?",
    "leakage": "Are gists used?",
    "reconstruction": "Can it be read back?",
    "strictness": "Which layer needs it?",
    "drift": "May stored gists be kept?",
    "work": "What is left to read?",
    "training": "Was training healthy?",
    "choice": "Which k is enough?",
}
"""The question that each measure answers."""

MEANINGS = {
    "divergence": "How much worse it predicts the full prompt's own answers: 0% is as with the full "
    "prompt, 100% as with no prompt at all.",
    "states": "Whether the gists of different instructions are different.",
    "leakage": "Whether answers get worse behind another instruction's gist, and don't behind a "
    "paraphrase's.",
    "reconstruction": "How much of the prompt the model repeats from its gist, if it can repeat a prompt.",
    "strictness": "In which layer answers suffer most if they can't see the gist.",
    "drift": "Whether another model reads these gists as well as its own.",
    "work": "How many of the full prompt's slots an answer still attends to.",
    "training": "Whether the loss fell as it should.",
    "choice": "The smallest number of gists that does as well as the best one.",
}
"""What stands behind each question, for who has never seen the page."""


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
            verdict=verdict(content),
            titles=TITLES,
            meanings=MEANINGS,
            tables=[table for table in tables if table.name != "diagnosis-findings"],
            figures=drawn_diagnosis(content, FigureFolder(place / "figures")),
            figures_note="" if can_draw() else f"No figures: {MissingExtra('matplotlib', 'report')}.",
        )
    )
    write_atomic(place / PAGE, html)
    return place / PAGE


def glance(content: Diagnosis) -> dict[str, list[Seen]]:
    """The worst finding on each system, by measure in the diagnosis's order; empty where none applies.

    What was found of a family stands in the rows of its systems.
    """
    found: dict[str, list[Seen]] = {}
    names = list(dict.fromkeys(finding.system for finding in content.findings))
    for finding in content.findings:
        own = [name for name in names if name != finding.system and family_of(name) == finding.system]
        for name in own or [finding.system]:
            row = found.setdefault(name, [Seen()] * len(content.measures))
            place = content.measures.index(finding.measure)
            seen = Seen(finding.state, finding.brief)
            row[place] = max(row[place], seen, key=lambda one: STATES.index(one.state))
    return found


def verdict(content: Diagnosis) -> str:
    """How many faults and warnings there are, in a sentence."""
    counts = [
        counted(sum(finding.state == state for finding in content.findings), state)
        for state in ("fault", "warning")
        if any(finding.state == state for finding in content.findings)
    ]
    return f"Found: {' and '.join(counts)}." if counts else "No fault and no warning."


def drawn_diagnosis(content: Diagnosis, folder: FigureFolder) -> Sequence[RunFigure]:
    """Draw the figures of a diagnosis; none without matplotlib."""
    if not can_draw():
        return ()
    from gisteval.report.figures.diagnosis import draw_diagnosis

    return [
        drawn_figure(folder, figure.name, figure.title, figure.caption)
        for figure in draw_diagnosis(content, folder)
    ]
