"""A figure of the leading metric by the length of the instruction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from gisteval.metrics import Metric, metric, word_count
from gisteval.report.claims import short_names
from gisteval.report.figures.families import family_name
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.panels import leave_empty, title_columns
from gisteval.report.figures.style import NEGATIVE, POSITIVE, Handle, column_figure, legend, series_styles
from gisteval.report.samples import Sample, Samples, SystemInfo
from gisteval.scores.comparison import mean_of

LENGTH_BINS = 4


def by_prompt_length(samples: Samples, folder: FigureFolder, name: str) -> None:
    """Draw the leading metric by words of the instruction, with a row of panels per family.

    Each row shows the controls and the candidates with the smallest and the largest k.
    """
    measured = metric(samples.leading)
    members: dict[str, list[SystemInfo]] = {}
    for system in samples.of_role("candidate"):
        members.setdefault(family_name(system.name, system.reference), []).append(system)
    splits = {
        split: length_bins([sample for sample in samples.samples if sample.example.split == split])
        for split in samples.splits
    }
    shape = (len(members), len(splits))
    with column_figure(folder, name, 0.75 + 1.4 * len(members), shape, True, True) as (figure, axes):
        drawn_lines: dict[str, Handle] = {}
        for row, (family, candidates) in enumerate(members.items()):
            by_k = sorted(candidates, key=lambda system: system.k)
            lines = _shown(samples, family, [by_k[0], *by_k[1:][-1:]])
            for column, bins in enumerate(splits.values()):
                axis = axes[row * len(splits) + column]
                answered = {name for bin_ in bins for sample in bin_ for name in sample.outputs}
                lines_here = {
                    drawn: _length_line(axis, measured, bins, drawn, *style)
                    for drawn, style in lines.items()
                    if drawn in answered
                }
                drawn_lines |= lines_here
                axis.grid()
                if not lines_here:
                    leave_empty(axis)
            axes[row * len(splits)].set_ylabel(measured.axis)
        if measured.high == 100.0:
            axes[0].set_ylim(0, 104)
        title_columns(axes, list(splits))
        figure.supxlabel("words of the instruction (quarters of the split)", fontsize=7)
        legend(figure, dict(zip(short_names(drawn_lines).values(), drawn_lines.values(), strict=True)), 2)


def _shown(
    samples: Samples, family: str, candidates: Sequence[SystemInfo]
) -> dict[str, tuple[str, Any, str]]:
    """Return the styles of the systems to draw: positive controls, candidates, negative controls."""
    positives = {system.reference for system in candidates if system.reference}
    negatives = [s.name for s in samples.of_role("negative") if family_name(s.name, s.reference) == family]
    return {
        **dict.fromkeys(positives, POSITIVE),
        **series_styles([system.name for system in candidates]),
        **dict.fromkeys(negatives, NEGATIVE),
    }


def length_bins(samples: Sequence[Sample]) -> list[list[Sample]]:
    """Sort samples into bins of about equal size by words of the instruction; equal lengths share a bin."""
    lengths = np.array([word_count(sample.example.instruction) for sample in samples])
    edges = np.quantile(lengths, np.linspace(0, 1, LENGTH_BINS + 1)[1:-1])
    places = np.searchsorted(edges, lengths, side="left")
    bins = [
        [sample for sample, at in zip(samples, places, strict=True) if at == place]
        for place in range(LENGTH_BINS)
    ]
    return [members for members in bins if members]


def _length_line(
    axis: Axes,
    measured: Metric,
    bins: Sequence[Sequence[Sample]],
    system: str,
    colour: str,
    dash: Any,
    marker: str,
) -> Handle:
    xs, means, lows, highs = [], [], [], []
    for members in bins:
        scores = {
            sample.slug: sample.outputs[system].score for sample in members if system in sample.outputs
        }
        scored = [sample for sample in members if scores.get(sample.slug) is not None]
        if scored:
            estimate = mean_of(
                measured,
                np.array([scores[sample.slug] for sample in scored], dtype=np.float64),
                [sample.example.instruction for sample in scored],
            )
            xs.append(float(np.mean([word_count(sample.example.instruction) for sample in scored])))
            means.append(estimate.value)
            known = math.isfinite(estimate.ci_low)
            lows.append(estimate.value - estimate.ci_low if known else math.nan)
            highs.append(estimate.ci_high - estimate.value if known else math.nan)
    return axis.errorbar(
        xs,
        means,
        yerr=[lows, highs],
        color=colour,
        linestyle=dash,
        marker=marker,
        label=system,
        elinewidth=0.6,
    )
