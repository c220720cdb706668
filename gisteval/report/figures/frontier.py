"""The figures of the frontier: score against a cost, a line a compressor, gists highlighted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from gisteval.metrics import metric as find_metric
from gisteval.records.schema import ResultRow
from gisteval.registry import is_oracle
from gisteval.report.figures.families import half_widths
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.style import (
    BLUE,
    NEGATIVE,
    POSITIVE,
    SERIES,
    Handle,
    column_figure,
    fit_values,
    legend,
    wrapped,
)
from gisteval.report.frontier import RECOMPUTED, STORED, Cost, Point

GIST: tuple[str, Any, str] = (BLUE, "-", "o")
SHORTEST = 1.15
"""A horizontal axis holds at least this ratio of bytes on either side of its points."""


def frontier(
    points: Sequence[Point], rows: Sequence[ResultRow], folder: FigureFolder, name: str, cost: Cost = STORED
) -> None:
    """Draw the points of one metric and positive control, a panel a split.

    Args:
        points: What `frontier_points` gives, of one control.
        rows: The rows of all systems, with those of the controls.
        folder: Where the files go.
        name: Their stem.
        cost: What the score is drawn against. Points whose cost is unknown are left out.
    """
    points = [point for point in points if cost.of(point) is not None]
    metric, group = points[0].row.metric, points[0].group
    splits = list(dict.fromkeys(point.row.split for point in points))
    styles = _styles(points)
    columns = min(len(splits), 3)
    shape = (-(-len(splits) // columns), columns)
    height = 1.1 + 1.9 * shape[0] + 0.1 * len(styles)
    with column_figure(folder, name, height, shape, True, True) as (figure, axes):
        drawn: list[ResultRow] = []
        labelled: dict[str, Handle] = {}
        for axis, split in zip(axes, splits, strict=False):
            own = [point for point in points if point.row.split == split]
            for family, style in styles.items():
                line = sorted((p for p in own if p.family == family), key=lambda point: point.stored)
                if line:
                    label = f"{family} (oracle)" if is_oracle(family) else family
                    labelled.setdefault(label, _line(axis, line, style, label, cost))
            drawn += [point.row for point in own]
            found = _controls(axis, rows, metric, group, split)
            labelled |= {label: handle for label, (handle, _) in found.items() if label not in labelled}
            drawn += [row for _, row in found.values()]
            axis.set_title(wrapped(split))
            axis.grid()
        for axis in axes[len(splits) :]:
            axis.set_axis_off()
        _scale(axes[0], [value for point in points if (value := cost.of(point)) is not None], cost)
        fit_values(axes, drawn)
        for axis in axes[::columns]:
            axis.set_ylabel(find_metric(metric).axis)
        figure.supxlabel(cost.axis, fontsize=7)
        legend(figure, labelled, 3)


def _styles(points: Sequence[Point]) -> dict[str, tuple[str, Any, str]]:
    """Gists in a colour of their own; each further round of the colours has other dashes."""
    others = [f for f in dict.fromkeys(p.family for p in points if not p.is_gist)]
    gists = dict.fromkeys(point.family for point in points if point.is_gist)
    styles = dict.fromkeys(gists, GIST)
    for place, family in enumerate(others):
        turn, own = divmod(place, len(SERIES))
        colour, _, marker = SERIES[own]
        styles[family] = colour, SERIES[(own + turn) % len(SERIES)][1], marker
    return styles


def _line(axis: Axes, line: Sequence[Point], style: tuple[str, Any, str], label: str, cost: Cost) -> Handle:
    colour, dash, marker = style
    is_gist = line[0].is_gist
    return axis.errorbar(
        [value for point in line if (value := cost.of(point)) is not None],
        [point.row.value for point in line],
        yerr=np.array([half_widths(point.row) for point in line]).T,
        color=colour,
        linestyle=dash,
        marker=marker,
        label=label,
        linewidth=2.0 if is_gist else 0.9,
        markersize=4.5 if is_gist else 3.0,
        zorder=3.0 if is_gist else 2.0,
        elinewidth=0.6,
        capsize=1.2,
        capthick=0.6,
    )


def _controls(
    axis: Axes, rows: Sequence[ResultRow], metric: str, group: str, split: str
) -> dict[str, tuple[Handle, ResultRow]]:
    """Lines of the whole prompt, with its interval as a band, and of no prompt."""
    found: dict[str, tuple[Handle, ResultRow]] = {}
    for row in rows:
        if (row.metric, row.split) != (metric, split):
            continue
        if row.system == group:
            label, (colour, dash, _) = "whole prompt", POSITIVE
            if row.ci_low is not None and row.ci_high is not None:
                axis.axhspan(row.ci_low, row.ci_high, color=colour, alpha=0.1, linewidth=0)
        elif row.condition == "neg_control" and row.reference == group:
            label, (colour, dash, _) = "no prompt", NEGATIVE
        else:
            continue
        found[label] = axis.axhline(row.value, color=colour, linestyle=dash, linewidth=0.9), row
    return found


def _scale(axis: Axes, values: Sequence[float], cost: Cost) -> None:
    """Logarithmic for bytes; FLOPs of most systems are 0, so theirs is linear."""
    low, high = min(values), max(values)
    if cost is RECOMPUTED:
        axis.set_xlim(-0.04 * high, 1.04 * high)
        axis.xaxis.set_major_locator(MaxNLocator(4))
    else:
        axis.set_xscale("log")
        axis.set_xlim(low / SHORTEST / (high / low) ** 0.04, high * SHORTEST * (high / low) ** 0.04)
        # Where sizes are too similar for two of 1 and 3 times powers of ten, round numbers, but few.
        marks = (start * 10.0**power for power in range(16) for start in (1, 3))
        is_wide = sum(axis.get_xlim()[0] <= mark <= axis.get_xlim()[1] for mark in marks) > 1
        locator = LogLocator(10, subs=(1.0, 3.0), numticks=6) if is_wide else MaxNLocator(2)
        axis.xaxis.set_major_locator(locator)
        axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: cost.text(value)))
