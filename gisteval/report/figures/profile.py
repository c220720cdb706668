"""Figures of a profile, from the content of profile.json."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from matplotlib.ticker import FuncFormatter

from gisteval.records.profile_facts import (
    BatchFacts,
    CurveFacts,
    MeasuredWay,
    MedianFacts,
    ModelProfile,
    ScenarioFacts,
    WhatIfProfile,
)
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.style import (
    BLUE,
    INK,
    NEGATIVE,
    ORANGE,
    SKY,
    above,
    column_figure,
    series_styles,
)
from gisteval.report.layout import engineering, threads_text
from gisteval.report.timings import shown_interval

Panels = list[tuple[str, Sequence[CurveFacts]]]
"""The title and the cost curves of each panel."""

ORDINARY: dict[str, tuple[str, Any, str]] = {
    "no cache": (INK, "-", "o"),
    "whole-prompt cache": (BLUE, "--", "s"),
    "negative control": NEGATIVE,
}
"""Colour, dash and marker of the ways that compress nothing. The others have those of the series."""


def draw_figures(content: ModelProfile | WhatIfProfile, folder: FigureFolder) -> list[str]:
    """Draw all figures that the profile has data for into a folder.

    Returns:
        The files' names without their ending.
    """
    folder.path.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    if isinstance(content, WhatIfProfile):
        for shape in dict.fromkeys(row.shape for row in content.rows):
            rows = [row for row in content.rows if row.shape == shape]
            if len({row.prompt_tokens for row in rows}) > 1:
                lines = _first_lines(rows)
                below = f"k = {lines[0].k}"
                names.append(_prompt_lengths(lines, folder, f"cost_by_prompt_length-{shape}"))
                names.append(_break_even(_scenario_curves(lines), below, folder, f"break_even-{shape}"))
        return names
    for batch in content.batches:
        size = batch.batch_size
        panels, below = _batch_curves(batch), f"batch of {size}"
        names.append(_break_even(panels, below, folder, f"break_even-batch-{size}"))
        names.append(_latency(batch, folder, f"latency_breakdown-batch-{size}"))
    if any(system.attained for batch in content.batches for system in batch.systems):
        names.append(_roofline(content, folder, "roofline"))
    if content.by_prompt_length:
        names.append(_prompt_lengths(content.by_prompt_length, folder, "cost_by_prompt_length"))
    return names


def _first_lines(rows: Sequence[ScenarioFacts]) -> list[ScenarioFacts]:
    """Return the rows of the first k and batch size, so that each way has one line."""
    first = rows[0]
    return [row for row in rows if (row.k, row.batch) == (first.k, first.batch)]


def _styles(names: Sequence[str]) -> dict[str, tuple[str, Any, str]]:
    others = series_styles([name for name in names if name not in ORDINARY])
    return {name: ORDINARY.get(name) or others[name] for name in names}


def _prefixed(axis: Any, unit: str) -> None:
    axis.set_major_formatter(FuncFormatter(lambda value, _: engineering(value) + unit))


def _batch_curves(batch: BatchFacts) -> Panels:
    """Return the curves of FLOPs, if they could be counted, and of time."""
    panels = (("FLOPs", batch.curves.flops), ("time", batch.curves.seconds))
    return [(label, curves) for label, curves in panels if curves is not None]


def _scenario_curves(rows: Sequence[ScenarioFacts]) -> Panels:
    """Return two panels: the shortest and the longest prompt."""
    return [(f"FLOPs, prompt of {row.prompt_tokens:,}", row.curves or ()) for row in (rows[0], rows[-1])]


def _break_even(panels: Panels, below: str, folder: FigureFolder, name: str) -> str:
    """Draw total costs over uses, relative to no cache. Absolute curves would all coincide."""
    styles = _styles([curve.name for curve in panels[0][1]])
    with column_figure(folder, name, 3.9, panels=(len(panels), 1)) as (figure, axes):
        for axis, (label, curves) in zip(axes, panels, strict=True):
            base = next(curve for curve in curves if curve.name == "no cache")
            for curve in curves:
                colour, dash, _ = styles[curve.name]
                shares = [100 * c / b for c, b in zip(curve.totals, base.totals, strict=True)]
                axis.plot(
                    curve.uses,
                    shares,
                    color=colour,
                    linestyle=dash,
                    label=curve.name,
                    zorder=above(dash),
                )
            axis.set_xscale("log")
            axis.set_ylim(bottom=0)
            axis.set_title(label)
            axis.set_ylabel("total, % of no cache")
            axis.grid()
        axes[-1].set_xlabel(f"uses of a prompt ({below})")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
    return name


def _prompt_lengths(rows: Sequence[ScenarioFacts], folder: FigureFolder, name: str) -> str:
    """Draw the FLOPs of each use by prompt length."""
    ways = [way.name for way in rows[0].ways]
    styles = _styles(ways)
    with column_figure(folder, name, 2.5) as (_, (axis,)):
        for index, way in enumerate(ways):
            colour, dash, marker = styles[way]
            axis.plot(
                [row.prompt_tokens for row in rows],
                [row.ways[index].flops_each for row in rows],
                color=colour,
                linestyle=dash,
                marker=marker,
                zorder=above(dash),
                label=f"{way} (k = {rows[0].k})" if way == "gist" else way,
            )
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("prompt tokens")
        axis.set_ylabel("FLOPs of each use")
        axis.set_title(rows[0].shape)
        _prefixed(axis.yaxis, "")
        _prefixed(axis.xaxis, "")
        axis.yaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
        axis.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
        axis.grid()
        axis.legend(loc="upper left")
    return name


def _latency(batch: BatchFacts, folder: FigureFolder, name: str) -> str:
    """Draw the time of each use (above) and the time that is spent once (below, hatched)."""
    systems = list(reversed(batch.systems))
    with column_figure(folder, name, 1.6 + 0.34 * len(systems), panels=(2, 1)) as (figure, axes):
        places = range(len(systems))
        for axis in axes:
            axis.set_yticks(list(places), [system.name for system in systems])
            axis.grid(axis="x")
        prefill = [_ms(system, "prefill") for system in systems]
        rest = [_ms(system, "end_to_end") - first for system, first in zip(systems, prefill, strict=True)]
        axes[0].barh(places, prefill, color=BLUE, label="prefill", height=0.65)
        axes[0].barh(places, rest, left=prefill, color=SKY, label="decode", height=0.65)
        errors = [_half_widths(system.seconds.end_to_end) for system in systems]
        axes[0].errorbar(
            [_ms(system, "end_to_end") for system in systems],
            places,
            xerr=list(zip(*errors, strict=True)),
            fmt="none",
            ecolor=INK,
            elinewidth=0.8,
            capsize=2,
        )
        once = [_ms(system, "compress") for system in systems]
        axes[1].barh(
            places, once, color=ORANGE, hatch="///", edgecolor="white", label="compress", height=0.65
        )
        axes[0].set_xlabel(f"each use, ms a batch of {batch.batch_size}")
        axes[1].set_xlabel(f"once, ms a batch of {batch.batch_size}")
        figure.legend(loc="outside upper center", ncols=3)
    return name


def _ms(system: MeasuredWay, phase: str) -> float:
    median: MedianFacts | None = getattr(system.seconds, phase)
    return 0.0 if median is None else 1e3 * median.median


def _half_widths(timing: MedianFacts) -> tuple[float, float]:
    """Return the distances from the median to both ends, in milliseconds; NaN without an interval."""
    low, high = shown_interval(timing) or (math.nan, math.nan)
    return 1e3 * (timing.median - low), 1e3 * (high - timing.median)


def _roofline(content: ModelProfile, folder: FigureFolder, name: str) -> str:
    """Draw attained FLOP/s over FLOPs per byte. Filled markers are prefill, hollow ones decoding."""
    machine = content.machine
    peak, width = machine.flops_per_second, machine.bytes_per_second
    points = [
        (system.name, batch.batch_size, point)
        for batch in content.batches
        for system in batch.systems
        for point in system.attained
    ]
    styles = _styles(list(dict.fromkeys(way for way, _, _ in points)))
    intensities = [point.intensity for _, _, point in points]
    low, high = min(*intensities, peak / width) / 4, max(*intensities, peak / width) * 4
    with column_figure(folder, name, 2.9) as (_, (axis,)):
        roof = [low, peak / width, high]
        axis.plot(roof, [min(peak, x * width) for x in roof], color=INK, linewidth=1)
        for way, size, point in points:
            colour, _, marker = styles[way]
            filled = colour if point.phase == "prefill" else "none"
            axis.plot(
                point.intensity,
                point.flops_per_second,
                marker,
                color=colour,
                markerfacecolor=filled,
            )
            if way == "no cache":
                place = (point.intensity, point.flops_per_second)
                axis.annotate(f"batch {size}", place, xytext=(5, 4), textcoords="offset points", fontsize=6)
        for way, (colour, _, marker) in styles.items():
            axis.plot([], [], marker, color=colour, label=way)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xlabel("FLOPs a byte")
        axis.set_ylabel("FLOP/s")
        axis.set_title(
            f"{machine.device} {machine.dtype}, {threads_text(machine.threads)}: "
            f"{engineering(peak)}FLOP/s, {engineering(width)}B/s\nfilled: prefill, hollow: decode",
            fontsize=7,
        )
        _prefixed(axis.yaxis, "")
        axis.grid()
        axis.legend(loc="lower right")
    return name
