"""Figures of the leading metric by length, depth and number of facts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from gisteval.files.names import readable_name
from gisteval.metrics import metric
from gisteval.report.claims import short_names
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.panels import leave_empty, title_columns
from gisteval.report.figures.style import NEGATIVE, POSITIVE, column_figure, legend, series_styles, wrapped
from gisteval.report.groups import TITLES, Level, group_estimate, levels
from gisteval.report.samples import Sample, Samples

COLUMNS = 3
"""Panels of a heat map in a row."""

PANEL_NAME = 18
"""Characters of a name that fit above such a panel."""

LOW, HIGH = (247, 246, 243), (0, 114, 178)
"""Colours of the ends of a heat map's scale."""

ON_LIGHT, ON_DARK = "#202329", "#fefefe"
"""Colours of texts in cells. They differ from the style's own, which a dark page replaces."""


def draw_groups(samples: Samples, folder: FigureFolder) -> Iterator[tuple[str, str, str]]:
    """Draw all figures that the samples have data for; yield the name, title and caption of each."""
    title = metric(samples.leading).title
    for column in ("length", "facts"):
        shown = {
            split: found
            for split in samples.splits
            if len(found := levels(column, (s.example for s in _members(samples, split)))) > 1
        }
        if shown:
            name = f"by_{column}"
            _curves(samples, column, shown, folder, name)
            yield (
                name,
                f"{title} by {TITLES[column]}",
                "Bars are 95% intervals of each point alone, clustered by instruction.",
            )
    for split in samples.splits:
        here = [sample.example for sample in _members(samples, split)]
        lengths, depths = levels("length", here), levels("depth", here)
        if lengths and len(depths) > 1:
            name = f"depth_by_length-{readable_name(split)}"
            _heat_maps(samples, split, lengths, depths, folder, name)
            yield (
                name,
                f"{title} by depth and length, {split}",
                "The darker, the better. In each cell the mean, and below it the number of examples.",
            )


def _members(samples: Samples, split: str) -> list[Sample]:
    return [sample for sample in samples.samples if sample.example.split == split]


def _styles(samples: Samples) -> dict[str, tuple[str, Any, str]]:
    candidates = [system.name for system in samples.of_role("candidate")]
    return {
        **{system.name: POSITIVE for system in samples.of_role("positive")},
        **series_styles(candidates),
        **{system.name: NEGATIVE for system in samples.of_role("negative")},
    }


def _curves(
    samples: Samples, column: str, shown: dict[str, list[Level]], folder: FigureFolder, name: str
) -> None:
    measured, styles = metric(samples.leading), _styles(samples)
    height = 1.9 + 0.1 * len(styles)
    with column_figure(folder, name, height, (1, len(shown)), False, True) as (figure, axes):
        drawn: dict[str, Any] = {}
        for axis, (split, found) in zip(axes, shown.items(), strict=True):
            here = _members(samples, split)
            for system, style in styles.items():
                if any(system in sample.outputs for sample in here):
                    drawn[system] = _curve(axis, samples, system, here, found, style)
            axis.set_xscale("log", base=2)
            axis.set_xticks([level.place for level in found], [level.label for level in found])
            axis.minorticks_off()
            axis.grid()
        if measured.high == 100.0:
            axes[0].set_ylim(-2, 104)
        axes[0].set_ylabel(measured.axis)
        title_columns(axes, list(shown))
        figure.supxlabel(TITLES[column], fontsize=7)
        legend(figure, dict(zip(short_names(drawn).values(), drawn.values(), strict=True)), 2)


def _curve(
    axis: Axes,
    samples: Samples,
    system: str,
    here: Sequence[Sample],
    found: Sequence[Level],
    style: tuple[str, Any, str],
) -> Any:
    xs, means, below, above = [], [], [], []
    for level in found:
        estimate = group_estimate(samples, system, [s for s in here if level.holds(s.example)])
        if estimate is not None:
            known = math.isfinite(estimate.ci_low) and math.isfinite(estimate.ci_high)
            xs.append(level.place)
            means.append(estimate.value)
            below.append(estimate.value - estimate.ci_low if known else math.nan)
            above.append(estimate.ci_high - estimate.value if known else math.nan)
    colour, dash, marker = style
    return axis.errorbar(
        xs, means, yerr=[below, above], color=colour, linestyle=dash, marker=marker, elinewidth=0.6
    )


def _heat_maps(
    samples: Samples,
    split: str,
    lengths: Sequence[Level],
    depths: Sequence[Level],
    folder: FigureFolder,
    name: str,
) -> None:
    here = _members(samples, split)
    systems = [s.name for s in samples.systems if any(s.name in sample.outputs for sample in here)]
    rows = -(-len(systems) // COLUMNS)
    height = 0.5 + rows * (0.45 + 0.19 * len(depths))
    labels = short_names(systems)
    with column_figure(folder, name, height, (rows, COLUMNS), True, True) as (figure, axes):
        for axis, system in zip(axes, systems, strict=False):
            _heat_map(axis, samples, system, here, lengths, depths)
            axis.set_title(wrapped(labels[system], PANEL_NAME), fontsize=6.5)
        for axis in axes[len(systems) :]:
            leave_empty(axis)
        figure.supxlabel(TITLES["length"], fontsize=7)
        figure.supylabel(TITLES["depth"], fontsize=7)


def _heat_map(
    axis: Axes,
    samples: Samples,
    system: str,
    here: Sequence[Sample],
    lengths: Sequence[Level],
    depths: Sequence[Level],
) -> None:
    measured = metric(samples.leading)
    for x, length in enumerate(lengths):
        for y, depth in enumerate(depths):
            members = [s for s in here if length.holds(s.example) and depth.holds(s.example)]
            estimate = group_estimate(samples, system, members)
            if estimate is None:
                continue
            share = 0.5
            if measured.low is not None and measured.span:
                share = (estimate.value - measured.low) / measured.span
            share = 1 - share if measured.direction == "lower" else share
            axis.add_patch(
                Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, facecolor=_colour(share), linewidth=0)
            )
            text = f"{estimate.value:.0f}" if measured.span else f"{estimate.value:.2g}"
            ink = ON_DARK if share > 0.55 else ON_LIGHT
            axis.text(x, y - 0.14, text, ha="center", va="center", color=ink, fontsize=5.5)
            axis.text(x, y + 0.25, f"n={estimate.n}", ha="center", va="center", color=ink, fontsize=3.5)
    axis.set_xlim(-0.5, len(lengths) - 0.5)
    axis.set_ylim(len(depths) - 0.5, -0.5)
    turned = 45 if len(lengths) > 3 else 0
    axis.set_xticks(range(len(lengths)), [level.label for level in lengths], rotation=turned, fontsize=5.5)
    axis.set_yticks(range(len(depths)), [level.label for level in depths], fontsize=5.5)


def _colour(share: float) -> str:
    """The colour of a share of the scale, 0 to 1."""
    mixed = (round(low + (high - low) * share) for low, high in zip(LOW, HIGH, strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)
