"""Figures of a diagnosis. Each says in one sentence what it shows, and in one what it does not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from gisteval.files.names import readable_name
from gisteval.metrics.diagnostic import DIAGNOSTIC_METRICS
from gisteval.records.diagnosis import Diagnosis, DiagnosticRow
from gisteval.report.claims import family_of, short_names
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.panels import labelled
from gisteval.report.figures.style import (
    BLUE,
    GREEN,
    GREY,
    NEGATIVE,
    VERMILLION,
    column_figure,
    legend,
    series_styles,
    wrapped,
)

TARGET = 0.1

OPEN, STRICT, HIDDEN = "open", "strict there only", "hidden"

KINDS = {OPEN: (BLUE, "o", 0.0), STRICT: (GREEN, "v", 0.24), HIDDEN: (VERMILLION, "^", -0.24)}
"""Colour, marker and shift of a mask's kind, on the line of its place."""


@dataclass(frozen=True, slots=True)
class DrawnFigure:
    """A figure that was drawn: the stem of its files, its title and its caption."""

    name: str
    title: str
    caption: str


Draw = Callable[[Sequence[DiagnosticRow], FigureFolder], Iterator[DrawnFigure]]


def draw_diagnosis(content: Diagnosis, folder: FigureFolder) -> list[DrawnFigure]:
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


def _divergence(rows: Sequence[DiagnosticRow], folder: FigureFolder) -> Iterator[DrawnFigure]:
    own = [row for row in rows if row.setting == "own answer"]
    for split in dict.fromkeys(row.split for row in own):
        mine = [row for row in own if row.split == split]
        name = f"divergence-{readable_name(split)}"
        dots = [row for row in mine if row.metric == "delta_nll@32"]
        _dots(dots, folder, name, [row.system for row in dots], TARGET)
        yield DrawnFigure(
            name,
            f"Distance from the full prompt, {split}",
            "How much worse each system predicts the answers that the full prompt gives (95% intervals; "
            "dotted: 0.1, what MegaContext calls a substitute). It does not show whether they are right.",
        )
        parts = [row for row in mine if row.where.startswith("token")]
        if len({row.where for row in parts}) > 1:
            _along(parts, folder, f"{name}-along")
            yield DrawnFigure(
                f"{name}-along",
                f"Along the answer, {split}",
                "Where in the answer the distance arises: lines that rise lose the prompt along the way. "
                "It does not compare like with like: later parts rest on the longer answers alone.",
            )


def _dots(
    rows: Sequence[DiagnosticRow],
    folder: FigureFolder,
    name: str,
    labels: Sequence[str],
    target: float | None = None,
) -> None:
    """One dot a row, with its interval; target: a dotted line."""
    metric = DIAGNOSTIC_METRICS[rows[0].metric]
    with column_figure(folder, name, 0.6 + 0.2 * len(rows)) as (_, axes):
        (axis,) = axes
        for place, row in enumerate(rows):
            _bar(axis, row, -place, GREY if "neg_control" in row.system else BLUE)
        axis.axvline(0.0, color=GREY, linewidth=0.6)
        if target is not None:
            axis.axvline(target, color=GREY, linewidth=0.6, linestyle=":")
        axis.set_yticks([-place for place in range(len(rows))], [wrapped(label) for label in labels])
        axis.set_ylim(0.6 - len(rows), 0.6)
        axis.set_xlabel(metric.axis)
        axis.grid(axis="x")


def _bar(
    axis: Any, row: DiagnosticRow, place: float, colour: str, marker: str = "o", label: str | None = None
) -> None:
    if row.ci_low is not None and row.ci_high is not None:
        axis.plot([row.ci_low, row.ci_high], [place, place], color=colour)
    axis.plot([row.value], [place], color=colour, marker=marker, linestyle="none", label=label)


def _along(rows: Sequence[DiagnosticRow], folder: FigureFolder, name: str) -> None:
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


def _strictness(rows: Sequence[DiagnosticRow], folder: FigureFolder) -> Iterator[DrawnFigure]:
    changes = [row for row in rows if row.metric == "delta_nll"]
    for split, system in dict.fromkeys((row.split, row.system) for row in changes):
        mine = [row for row in changes if (row.split, row.system) == (split, system)]
        name = f"strictness-{readable_name(split)}-{readable_name(system)}"
        _masks(mine, folder, name)
        yield DrawnFigure(
            name,
            f"Another mask, {system} on {split}",
            "How the loss changes where more than the gist is seen (leak: the last tokens of the prompt; "
            "open: all of it, in this layer or head; strict there only: all of it in the others), or where "
            "the gist is hidden (left of 0: it helps). "
            "It does not show what a model that was trained under that mask would do.",
        )


def _masks(rows: Sequence[DiagnosticRow], folder: FigureFolder, name: str) -> None:
    """A line for each place of the mask, with a mark for each of its kinds there."""
    by_place: dict[str, dict[str, DiagnosticRow]] = {}
    for row in rows:
        place, kind = place_and_kind(row.setting)
        by_place.setdefault(place, {})[kind] = row
    with column_figure(folder, name, 0.9 + 0.19 * len(by_place)) as (figure, axes):
        (axis,) = axes
        for at, of in enumerate(by_place.values()):
            for kind, row in of.items():
                colour, marker, aside = KINDS[kind]
                _bar(axis, row, -at + aside * (len(of) > 1), colour, marker, kind)
        axis.axvline(0.0, color=GREY, linewidth=0.6)
        axis.set_yticks([-at for at in range(len(by_place))], [wrapped(place) for place in by_place])
        axis.set_ylim(0.6 - len(by_place), 0.6)
        axis.set_xlabel(DIAGNOSTIC_METRICS[rows[0].metric].axis)
        axis.grid(axis="x")
        legend(figure, labelled(axes), len(KINDS))


def place_and_kind(setting: str) -> tuple[str, str]:
    """Where a mask is another one, and of which kind, by the setting's name.

    "strict in layer 2 only" is ("layer 2", STRICT), and "leak 4" is ("leak 4", OPEN).
    """
    found = re.fullmatch(r"(open|strict|hidden) in (.+?)(?: only)?", setting)
    if found is None:
        return setting, OPEN
    return found[2], STRICT if found[1] == "strict" else found[1]


_DRAWN: dict[str, Draw] = {"divergence": _divergence, "strictness": _strictness}
