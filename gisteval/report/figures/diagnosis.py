"""Figures of a diagnosis. Each says in one sentence what it shows, and in one what it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gisteval.files.names import readable_name
from gisteval.metrics.diagnostic import DIAGNOSTIC_METRICS
from gisteval.records.diagnosis import Diagnosis, DiagnosticRow
from gisteval.report.claims import family_of, short_names
from gisteval.report.figures.panels import labelled
from gisteval.report.figures.style import GREY, NEGATIVE, column_figure, legend, series_styles, wrapped

TARGET = 0.1


@dataclass(frozen=True, slots=True)
class DrawnFigure:
    """A figure that was drawn: the stem of its files, its title and its caption."""

    name: str
    title: str
    caption: str


Draw = Callable[[Sequence[DiagnosticRow], Path], Iterator[DrawnFigure]]


def draw_diagnosis(content: Diagnosis, folder: Path) -> list[DrawnFigure]:
    """Draw all figures of a diagnosis into a folder.

    Raises:
        MissingExtra: matplotlib is missing.
    """
    return [
        figure
        for name in content.measures
        if name in _DRAWN
        for figure in _DRAWN[name](content.of(name), folder)
    ]


def _divergence(rows: Sequence[DiagnosticRow], folder: Path) -> Iterator[DrawnFigure]:
    own = [row for row in rows if row.setting == "own answer"]
    for split in dict.fromkeys(row.split for row in own):
        mine = [row for row in own if row.split == split]
        name = f"divergence-{readable_name(split)}"
        _dots([row for row in mine if row.metric == "delta_nll@32"], folder, name)
        yield DrawnFigure(
            name,
            f"Distance from the full prompt, {split}",
            "How much worse each system predicts the answers that the full prompt gives (bars: 95% intervals; the "
            "line: 0.1, what MegaContext calls a substitute). It does not show whether those answers are right.",
        )
        parts = [row for row in mine if row.where.startswith("token")]
        if len({row.where for row in parts}) > 1:
            _along(parts, folder, f"{name}-along")
            yield DrawnFigure(
                f"{name}-along",
                f"Along the answer, {split}",
                "Where in the answer the distance arises: lines that rise lose the prompt along the way. Later parts "
                "rest on the longer answers alone, which are other examples.",
            )


def _dots(rows: Sequence[DiagnosticRow], folder: Path, name: str) -> None:
    """One dot a system, with its interval."""
    metric = DIAGNOSTIC_METRICS[rows[0].metric]
    with column_figure(folder, name, 0.6 + 0.2 * len(rows)) as (_, axes):
        (axis,) = axes
        for place, row in enumerate(rows):
            control = row.share is None
            _bar(axis, row, -place, GREY if control else "#0072b2")
        axis.axvline(0.0, color=GREY, linewidth=0.6)
        axis.axvline(TARGET, color=GREY, linewidth=0.6, linestyle=":")
        axis.set_yticks([-place for place in range(len(rows))], [wrapped(row.system) for row in rows])
        axis.set_xlabel(metric.axis)
        axis.grid(axis="x")


def _bar(axis: Any, row: DiagnosticRow, place: float, colour: str) -> None:
    if row.ci_low is not None and row.ci_high is not None:
        axis.plot([row.ci_low, row.ci_high], [place, place], color=colour)
    axis.plot([row.value], [place], color=colour, marker="o")


def _along(rows: Sequence[DiagnosticRow], folder: Path, name: str) -> None:
    """ΔNLL over the place in the answer: a panel a family, a line a system."""
    families: dict[str, list[str]] = {}
    for system in dict.fromkeys(row.system for row in rows):
        families.setdefault(family_of(system), []).append(system)
    places = list(dict.fromkeys(row.where for row in rows))
    with column_figure(folder, name, 0.5 + 1.7 * len(families), (len(families), 1)) as (figure, axes):
        for axis, (family, systems) in zip(axes, families.items(), strict=True):
            styles = series_styles([system for system in systems if "neg_control" not in system])
            short = short_names(systems)
            for system in systems:
                colour, dash, marker = styles.get(system, NEGATIVE)
                mine = [row for row in rows if row.system == system]
                at = [places.index(row.where) for row in mine]
                axis.plot(
                    *(at, [row.value for row in mine]),
                    color=colour,
                    linestyle=dash,
                    marker=marker,
                    label=short[system],
                )
                for place, row in zip(at, mine, strict=True):
                    if row.ci_low is not None and row.ci_high is not None:
                        axis.plot([place, place], [row.ci_low, row.ci_high], color=colour, linewidth=0.6)
            if len(families) > 1:
                axis.set_title(family)
            axis.set_xticks(range(len(places)), [_short_place(place) for place in places])
            axis.set_ylabel("ΔNLL, nats a token")
            axis.grid()
        figure.supxlabel("token of the answer", fontsize=7)
        legend(figure, labelled(axes), 4)


def _short_place(where: str) -> str:
    return where.partition(" ")[2].replace(" to ", "-")


_DRAWN: dict[str, Draw] = {"divergence": _divergence}
