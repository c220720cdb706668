"""Figures of scores: over k, retention, and against compression."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from gisteval.metrics import Metric
from gisteval.records.schema import ResultRow
from gisteval.registry import may_use_gists
from gisteval.report.claims import short_names
from gisteval.report.figures.families import Family, half_widths, splits_of
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.marks import Mark, place_marks
from gisteval.report.figures.panels import labelled, leave_empty, title_columns
from gisteval.report.figures.style import (
    BLUE,
    INK,
    NEGATIVE,
    ORANGE,
    POSITIVE,
    VERMILLION,
    column_figure,
    fit_values,
    legend,
    series_styles,
    wrapped,
)
from gisteval.report.tables import k_text

SPLIT_MARKS = ((BLUE, "o"), (ORANGE, "s"), (VERMILLION, "^"))


def k_sweep(
    shown_families: Sequence[Family],
    rows: Sequence[ResultRow],
    measured: Metric,
    folder: FigureFolder,
    name: str,
) -> None:
    """Draw a metric over k, with a row of panels per family and a column per split.

    Controls are lines with bands.
    """
    splits, metric, label = splits_of(rows), measured.name, measured.axis
    shape = (len(shown_families), len(splits))
    with column_figure(folder, name, 0.55 + 1.35 * len(shown_families), shape, True, True) as (
        figure,
        axes,
    ):
        ks = sorted(
            {
                row.k
                for family in shown_families
                for by in family.candidates.values()
                for row in _of(by, metric)
            }
        )
        drawn: list[ResultRow] = []
        for place, axis in enumerate(axes):
            family, split = shown_families[place // len(splits)], splits[place % len(splits)]
            shown: list[ResultRow] = []
            for control, (colour, dash, _), role in (
                (family.positive, POSITIVE, family.control_label("positive")),
                (family.negative, NEGATIVE, family.control_label("negative")),
            ):
                row = control.get(metric, {}).get(split)
                if row is not None:
                    shown.append(row)
                    axis.axhline(row.value, color=colour, linestyle=dash, linewidth=1, label=role)
                    if row.ci_low is not None and row.ci_high is not None:
                        axis.axhspan(row.ci_low, row.ci_high, color=colour, alpha=0.16, linewidth=0)
            points = [
                row for by in family.candidates.values() for row in _of(by, metric) if row.split == split
            ]
            shown += points
            if not points:
                leave_empty(axis)  # a run without that split
                continue
            _with_errors(axis, [row.k for row in points], points, BLUE, "-", "o", "candidate")
            if metric == "win_rate":
                axis.axhline(50, color=INK, linewidth=0.6, label="as good as the control")
            drawn += shown
            _scale_by_k(axis, ks)
            if place % len(splits) == 0:
                axis.set_ylabel(f"{family.name}\n{label}" if len(shown_families) > 1 else label)
        fit_values(axes, drawn)
        title_columns(axes, splits)
        figure.supxlabel("gist tokens k", fontsize=7)
        legend(figure, labelled(axes), 3)


def _scale_by_k(axis: Axes, ks: Sequence[float]) -> None:
    axis.set_xscale("log")
    axis.set_xlim(ks[0] / 1.5, ks[-1] * 1.5)
    axis.xaxis.set_major_locator(FixedLocator(ks))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.grid(axis="y")


def retention(
    shown_families: Sequence[Family],
    rows: Sequence[ResultRow],
    metric: Metric,
    folder: FigureFolder,
    name: str,
) -> None:
    """Draw the retention of each candidate by split, with 95% intervals."""
    splits = splits_of(rows)
    systems = [
        (name, by[metric.name])
        for family in shown_families
        for name, by in family.candidates.items()
        if metric.name in by
    ]
    with column_figure(folder, name, 0.75 + 0.32 * len(systems)) as (figure, (axis,)):
        for place, split in enumerate(splits):
            colour, marker = SPLIT_MARKS[place % len(SPLIT_MARKS)]
            shift = 0.22 * (place - (len(splits) - 1) / 2)
            label: str | None = split
            for line, (_, by_split) in enumerate(systems):
                row = by_split.get(split)
                if row is None or row.retention is None:
                    continue
                low, high = row.retention_ci_low, row.retention_ci_high
                if low is not None and high is not None:
                    axis.plot([low, high], [line + shift] * 2, color=colour, linewidth=1)
                axis.plot(row.retention, line + shift, marker, color=colour, linestyle="none", label=label)
                label = None
        axis.axvline(100, color=INK, linewidth=0.8)
        axis.axvline(0, color=INK, linewidth=0.6, linestyle=":")
        names = short_names(system for system, _ in systems).values()
        axis.set_yticks(range(len(systems)), [wrapped(name) for name in names])
        axis.set_ylim(len(systems) - 0.5, -0.5)
        axis.set_xlim(left=min(0.0, axis.get_xlim()[0]), right=max(104.0, axis.get_xlim()[1]))
        axis.set_xlabel(f"{metric.title} retained, %")
        axis.grid(axis="x")
        axis.tick_params(axis="y", length=0)
        legend(figure, labelled([axis]), len(splits))


def pareto(
    shown_families: Sequence[Family],
    rows: Sequence[ResultRow],
    metric: Metric,
    folder: FigureFolder,
    name: str,
) -> None:
    """Draw a metric against the compression of the instruction, with a panel per split."""
    splits = splits_of(rows)
    styles = series_styles([family.name for family in shown_families])
    with column_figure(folder, name, 2.1, (1, len(splits)), True, True) as (figure, axes):
        drawn: list[ResultRow] = []
        ratios: list[float] = [1.0]
        marks: list[tuple[Axes, list[Mark]]] = []
        for axis, split in zip(axes, splits, strict=True):
            named: list[Mark] = []
            for family in shown_families:
                points = _compressed(family, metric.name, split)
                style = styles[family.name]
                label = family.name if len(shown_families) > 1 else "candidates"
                _with_line(axis, points, style, label)
                ratios += [x for x, _ in points]
                drawn += [row for _, row in points]
                named += [_mark(family, x, row) for x, row in points]
                full = family.positive.get(metric.name, {}).get(split)
                if full is not None:
                    _with_errors(axis, [1], [full], *POSITIVE, family.control_label("positive"))
                    drawn.append(full)
                    named.append(replace(_mark(family, 1, full), text=""))
                none = family.negative.get(metric.name, {}).get(split)
                if none is not None:
                    colour, dash, _ = NEGATIVE
                    axis.axhline(
                        none.value, color=colour, linestyle=dash, label=family.control_label("negative")
                    )
                    drawn.append(replace(none, ci_low=None, ci_high=None))  # it is drawn without a band
            axis.set_xscale("log")
            axis.xaxis.set_major_locator(FixedLocator([1, 3, 10, 30, 100]))
            axis.xaxis.set_minor_locator(NullLocator())
            axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}x"))
            axis.set_title(split)
            axis.grid()
            marks.append((axis, named))
        axes[0].set_xlim(min(ratios) / 1.5, max(*ratios, 3.0) * 1.5)
        fit_values(axes, drawn)
        axes[0].set_ylabel(metric.axis)
        figure.supxlabel("compression of the instruction (number: k)", fontsize=7)
        legend(figure, labelled(axes), 3)
        figure.draw_without_rendering()  # gives the panels their final positions
        for axis, named in marks:
            place_marks(axis, named)


def _compressed(family: Family, metric: str, split: str) -> list[tuple[float, ResultRow]]:
    """Return achieved compression and the metric's row of each candidate, the least compressed first."""
    points = [
        (by["compression_achieved"][split].value, by[metric][split])
        for by in family.candidates.values()
        if split in by.get("compression_achieved", {}) and split in by.get(metric, {})
    ]
    return sorted(points, key=lambda point: point[0])


def _mark(family: Family, x: float, row: ResultRow) -> Mark:
    """Return a candidate's point, labelled with its k, or with its name without the family's."""
    short_name = row.system.removeprefix(family.name).lstrip("-")
    low, high = (row.value if end is None else end for end in (row.ci_low, row.ci_high))
    return Mark(short_name if k_text(row) == "-" else k_text(row), x, row.value, low, high)


def _with_line(
    axis: Axes, points: Sequence[tuple[float, ResultRow]], style: tuple[str, Any, str], label: str
) -> None:
    """Draw candidates. A line joins gists and imported systems alone, which differ in k only."""
    colour, dash, marker = style
    joined = [point for point in points if may_use_gists(point[1].compressor)]
    for part, line in ((joined, dash), ([point for point in points if point not in joined], "")):
        if part:
            _with_errors(axis, [x for x, _ in part], [row for _, row in part], colour, line, marker, label)


def _with_errors(
    axis: Axes,
    xs: Sequence[float],
    points: Sequence[ResultRow],
    colour: str,
    dash: Any,
    marker: str,
    label: str,
) -> None:
    errors = np.array([half_widths(row) for row in points]).reshape(-1, 2).T
    axis.errorbar(
        xs,
        [row.value for row in points],
        yerr=errors,
        color=colour,
        linestyle=dash,
        marker=marker,
        label=label,
        elinewidth=0.7,
        capsize=1.5,
        capthick=0.7,
    )


def _of(metrics: dict[str, dict[str, ResultRow]], metric: str) -> list[ResultRow]:
    return list(metrics.get(metric, {}).values())
