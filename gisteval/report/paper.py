"""The paper's numbers (reports/paper.yaml) beside ours, and the figures saved in the release."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from gisteval.content import find_content
from gisteval.errors import GistevalError, one_line
from gisteval.records.json_object import JsonObject
from gisteval.records.shape_facts import ReleasedProfile
from gisteval.report.data import ReportData
from gisteval.report.layout import Table
from gisteval.report.tables import interval_text

TASK = "alpaca_plus"


@dataclass(frozen=True, slots=True)
class PaperFigure:
    """A number of the paper.

    Attributes:
        metric: rougeL, win_rate, gflops or milliseconds.
        system: A checkpoint; for costs, a model and a way of serving it.
        split: The split.
        value: In percent, GFLOPs or milliseconds.
        place: Table and page, as far as they are known.
        source: What confirms the number.
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


@dataclass(frozen=True)
class _Group(JsonObject):
    """Figures of one metric: for each system a value per split, or null if it is unknown."""

    metric: str
    source: str
    splits: tuple[str, ...]
    values: Mapping[str, tuple[float | None, ...]]
    place: str = "-"


def read_paper(folder: Path | None = None) -> list[PaperFigure]:
    """Read the figures of reports/paper.yaml.

    Raises:
        GistevalError: The file can't be read, or a group is incomplete or repeated.
    """
    file = (folder or find_content("reports")) / "paper.yaml"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
        groups = [_Group.from_json(group) for group in content["figures"]]
        figures = [figure for group in groups for figure in _figures(group, content["sources"])]
    except (OSError, UnicodeError, yaml.YAMLError) as error:
        raise GistevalError(f"{file} can't be read: {one_line(error)}") from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise GistevalError(
            f"{file}: each group needs a metric, one of the `sources`, splits, and a value for each split "
            f"({one_line(error)})"
        ) from error
    for figure, times in Counter((f.metric, f.system, f.split) for f in figures).items():
        if times > 1:
            raise GistevalError(f"{file} has {' '.join(figure)} twice: keep one")
    return figures


def _figures(group: _Group, sources: Mapping[str, str]) -> Iterator[PaperFigure]:
    for system, values in group.values.items():
        for split, value in zip(group.splits, values, strict=True):
            if value is not None:
                source = sources[group.source]
                yield PaperFigure(group.metric, system, split, float(value), group.place, source)


def paper_tables(data: ReportData) -> list[Table]:
    """Build the tables of the paper's numbers beside ours, and of saved figures that differ from theirs."""
    return [table for table in (_beside_paper(data), _saved(data)) if table.rows]


def _beside_paper(data: ReportData) -> Table:
    ours = {**_scores(data), **_costs(data)}
    rows = []
    for figure in read_paper() if ours else ():
        recomputed = ours.get((figure.metric, figure.system, figure.split))
        if recomputed is not None:
            digits = 2 if figure.metric in ("rougeL", "milliseconds") else 1
            rows.append(
                (
                    figure.metric,
                    figure.system,
                    figure.split,
                    f"{figure.value:.{digits}f}",
                    interval_text(recomputed.value, recomputed.low, recomputed.high, digits),
                    f"{recomputed.value - figure.value:+.{digits}f}",
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
    costs = {}
    for run in data.runs:
        if isinstance(run.profile, ReleasedProfile):
            for way in run.profile.ways:
                name, times = f"{way.model}, {way.way}", way.milliseconds
                costs["gflops", name, "human"] = _Ours(way.flops / 1e9, None, None)
                if times is not None:
                    costs["milliseconds", name, "human"] = _Ours(times.value, times.low, times.high)
    return costs


def _saved(data: ReportData) -> Table:
    """Build the table of saved figures that can't be recomputed from the release's rows."""
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
    note = f"{len(figures) - len(rows)} of {len(figures)} saved figures match their rows."
    return Table("saved-figures", "Saved figures that differ from their rows", columns, rows, note)
