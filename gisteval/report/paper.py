"""The paper's own numbers (reports/paper.yaml) beside ours, and the release's saved figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from gisteval.content import find_content
from gisteval.errors import GistevalError, one_line
from gisteval.report.data import ReportData
from gisteval.report.layout import Table
from gisteval.report.tables import interval_text

TASK = "alpaca_plus"


@dataclass(frozen=True, slots=True)
class PaperFigure:
    """A number of the paper. metric: rougeL, win_rate, gflops or milliseconds.

    system: a checkpoint, or for costs a way to serve the model. place: table and page, as far as they are
    known. source: what confirms the number.
    """

    metric: str
    system: str
    split: str
    value: float
    place: str
    source: str


@dataclass(frozen=True, slots=True)
class _Ours:
    value: float
    low: float | None
    high: float | None


def read_paper(folder: Path | None = None) -> list[PaperFigure]:
    """The figures of reports/paper.yaml. Raises GistevalError naming what is wrong with the file."""
    file = (folder or find_content("reports")) / "paper.yaml"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        found = [figure for group in content["figures"] for figure in _figures(group, content["sources"])]
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise GistevalError(f"{file} can't be read: {one_line(error)}") from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise GistevalError(
            f"{file}: each group needs metric, a source of `sources`, splits and as many values "
            f"({one_line(error)})"
        ) from error
    for figure, times in Counter((f.metric, f.system, f.split) for f in found).items():
        if times > 1:
            raise GistevalError(f"{file} has {' '.join(figure)} twice: keep one")
    return found


def _figures(group: dict[str, Any], sources: dict[str, str]) -> Iterator[PaperFigure]:
    """A group has a metric, its splits in order, and for each system a value a split (null: not known)."""
    for system, values in group["values"].items():
        for split, value in zip(group["splits"], values, strict=True):
            if value is not None:
                yield PaperFigure(
                    group["metric"],
                    system,
                    split,
                    float(value),
                    group.get("place", "-"),
                    sources[group["source"]],
                )


def paper_tables(data: ReportData) -> list[Table]:
    """Ours beside the paper's, and saved figures that disagree with their own rows."""
    return [table for table in (_beside_paper(data), _saved(data)) if table.rows]


def _beside_paper(data: ReportData) -> Table:
    ours = {**_scores(data), **_costs(data)}
    rows = []
    for figure in read_paper() if ours else ():
        own = ours.get((figure.metric, figure.system, figure.split))
        if own is not None:
            digits = 2 if figure.metric in ("rougeL", "milliseconds") else 1
            rows.append(
                (
                    figure.metric,
                    figure.system,
                    figure.split,
                    f"{figure.value:.{digits}f}",
                    interval_text(own.value, own.low, own.high, digits),
                    f"{own.value - figure.value:+.{digits}f}",
                    figure.place,
                    figure.source,
                )
            )
    columns = ("metric", "system", "split", "paper", "ours", "difference", "place", "source of the paper's")
    return Table("paper", "The paper's numbers beside ours", columns, tuple(rows))


def _scores(data: ReportData) -> dict[tuple[str, str, str], _Ours]:
    return {
        (row.metric, row.system, row.split): _Ours(row.value, row.ci_low, row.ci_high)
        for row in data.rows
        if row.task == TASK and row.metric in ("rougeL", "win_rate")
    }


def _costs(data: ReportData) -> dict[tuple[str, str, str], _Ours]:
    found = {}
    for run in data.runs:
        if run.profile is not None and run.profile["kind"] == "released":
            for way in run.profile["ways"]:
                name, times = f"{way['model']}, {way['way']}", way["milliseconds"]
                found["gflops", name, "human"] = _Ours(way["flops"] / 1e9, None, None)
                if times is not None:
                    found["milliseconds", name, "human"] = _Ours(
                        times["value"], times["low"], times["high"]
                    )
    return found


def _saved(data: ReportData) -> Table:
    """Figures the release saved that its rows don't give."""
    figures = [figure for run in data.runs for figure in run.manifest.saved_figures or ()]
    rows = tuple(
        (
            figure.metric,
            figure.system,
            figure.split,
            f"{figure.saved:.2f}",
            f"{figure.recomputed:.2f}",
            f"{figure.recomputed - figure.saved:+.2f}",
        )
        for figure in figures
        if not figure.agrees
    )
    columns = ("metric", "system", "split", "saved", "from the rows", "difference")
    note = f"{len(figures) - len(rows)} of {len(figures)} saved figures agree with their rows."
    return Table("saved-figures", "Saved figures that disagree with their rows", columns, rows, note)
