"""Drawing of all figures that the runs have data for, in the order of the report."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gisteval.files.names import readable_name
from gisteval.metrics import Metric, metric
from gisteval.records.judge_figures import pair_entries
from gisteval.records.profile_facts import ModelProfile, WhatIfProfile
from gisteval.records.schema import ResultRow
from gisteval.report.data import ReportData, RunData
from gisteval.report.doubts import MARK
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.frontier import METRICS, STORED, compressed_points, frontier_points, known_costs
from gisteval.report.samples import Samples


@dataclass(frozen=True, slots=True)
class RunFigure:
    """A figure that was drawn.

    Attributes:
        name: The stem of its files' names.
        title: Its title.
        caption: Its caption.
        light: The SVG for light pages.
        dark: The SVG for dark pages.
    """

    name: str
    title: str
    caption: str
    light: str
    dark: str


PROFILE_TEXTS = {
    "break_even": ("Break-even", "Total cost of one prompt over the number of its uses."),
    "cost_by_prompt_length": ("Cost by prompt length", "FLOPs of each use, by closed form."),
    "latency_breakdown": ("Where the time goes", "Wall time of each use, and what is paid once."),
    "roofline": ("Roofline", "Attained speed beside the machine's measured roof."),
}
"""The title and caption of each figure of a profile, by the first part of its name."""


def can_draw() -> bool:
    """Say whether matplotlib is installed."""
    try:
        return importlib.util.find_spec("matplotlib") is not None
    except ValueError:  # it is installed, but its import is blocked
        return False


def draw_figures(data: ReportData, samples: Samples, folder: FigureFolder) -> list[RunFigure]:
    """Draw all figures that the runs have data for into a folder.

    Raises:
        MissingExtra: matplotlib is missing.
    """
    return [drawn_figure(folder, *texts) for texts in _drawn(data, samples, folder)]


def drawn_figure(folder: FigureFolder, name: str, title: str, caption: str) -> RunFigure:
    """A figure that was drawn into a folder, as a page shows it."""
    from gisteval.report.figures.style import on_dark

    svg = (folder.path / f"{name}.svg").read_text(encoding="utf-8")
    svg = svg[svg.index("<svg") :]  # without the XML and DTD lines, which a page doesn't need
    return RunFigure(name, title, caption, svg, on_dark(svg))


def _drawn(data: ReportData, samples: Samples, folder: FigureFolder) -> Iterator[tuple[str, str, str]]:
    """Draw each figure, then yield its name, title and caption."""
    yield from _frontiers(data, folder)
    yield from _scores(data, samples, folder)
    yield from _verdicts(data, folder)
    yield from _trainings(data.runs, folder)
    yield from _profiles(data.runs, folder)


def _frontiers(data: ReportData, folder: FigureFolder) -> Iterator[tuple[str, str, str]]:
    for measure in dict.fromkeys((data.leading.name, *METRICS)):
        leads = measure == data.leading.name  # one compressor's sizes are a frontier as well
        points = compressed_points(data, measure) if leads else frontier_points(data, measure)
        for group in dict.fromkeys(point.group for point in points):
            from gisteval.report.figures.frontier import frontier

            own = [point for point in points if point.group == group]
            for cost in known_costs(own):
                kind = "" if cost is STORED else f"{cost.name}-"
                name = f"frontier-{kind}{readable_name(measure)}-{readable_name(group)}"
                frontier(own, data.rows, folder, name, cost)
                yield (
                    name,
                    f"Frontier: {metric(measure).title} against {cost.title}, beside {group}",
                    "A line a compressor, over its budgets; gists in bold. Bars are 95% intervals, "
                    f"clustered by instruction. {cost.meaning}",
                )


def _scores(data: ReportData, samples: Samples, folder: FigureFolder) -> Iterator[tuple[str, str, str]]:
    from gisteval.report.figures import groups, lengths, quality
    from gisteval.report.figures.families import families

    rows = list(data.rows)
    all_families = families(rows)
    bands = "Bars and bands are 95% intervals, clustered by instruction."
    leading = data.leading
    sweeps: dict[str, tuple[Metric, str, list[ResultRow]]] = {}
    sweeps[leading.name] = (leading, f"{leading.title} over k", rows)
    for judge in dict.fromkeys(row.judge for row in rows if row.metric == "win_rate" and row.judge):
        judged = [row for row in rows if row.judge == judge]
        sweeps[f"win_rate-{judge}"] = (metric("win_rate"), f"Win rate over k ({judge})", judged)
    for stem, (swept, title, swept_rows) in sweeps.items():
        shown = [family for family in (f.over_k() for f in families(swept_rows)) if family.has(swept.name)]
        if shown:
            name = f"k_sweep-{readable_name(stem)}"
            quality.k_sweep(shown, swept_rows, swept, folder, name)
            doubt = _doubt(data, stem.partition("win_rate-")[2])
            yield name, title, " ".join(["Controls are lines with bands.", bands, *doubt])
    if any(row.retention is not None and row.metric == leading.name for row in rows):
        quality.retention(all_families, rows, leading, folder, "retention")
        yield (
            "retention",
            "Retention",
            "0 is the negative control, 100 the positive one. Bars are 95% intervals of the ratio.",
        )
    shown = [
        family for family in all_families if family.has("compression_achieved") and family.has(leading.name)
    ]
    if shown and not frontier_points(data, leading.name):  # which says the same, without names to place
        quality.pareto(shown, rows, leading, folder, "pareto")
        yield (
            "pareto",
            "Quality against compression",
            f"Achieved compression is the mean of the ratios. {bands}",
        )
    if samples.of_role("candidate") and any(sample.outputs for sample in samples.samples):
        lengths.by_prompt_length(samples, folder, "by_prompt_length")
        yield "by_prompt_length", "Quality by length of the instruction", bands
        yield from groups.draw_groups(samples, folder)


def _verdicts(data: ReportData, folder: FigureFolder) -> Iterator[tuple[str, str, str]]:
    entries = pair_entries(data.judging)
    if not entries:
        return
    from gisteval.report.figures import judged

    for judge in dict.fromkeys(entry.judge for entry in entries):
        judge_entries = [entry for entry in entries if entry.judge == judge]
        stem, doubt = readable_name(judge), "".join(f" {text}" for text in _doubt(data, judge))
        decided, swayed = judged.decided(judge_entries), judged.swayed(judge_entries)
        if decided:
            judged.win_bars(decided, folder, f"win_bars-{stem}")
            yield (
                f"win_bars-{stem}",
                f"Wins, ties and losses ({judge})",
                "Against the positive control. Each pair counts once, even if it was judged in both "
                f"orders. Pairs without an answer are left out.{doubt}",
            )
        if swayed:
            judged.judge_bias(swayed, folder, f"judge_bias-{stem}")
            first = any(entry.first_shown_share for entry in swayed)
            what = "the answer shown first, and the longer one, wins" if first else "the longer answer wins"
            yield (
                f"judge_bias-{stem}",
                f"{'Position and length' if first else 'Length'} ({judge})",
                f"How often {what}, among decided comparisons of different texts; 50 is no "
                f"bias. Bars are 95% intervals, clustered by instruction.{doubt}",
            )


def _doubt(data: ReportData, judge: str) -> list[str]:
    return [f"{MARK} The judge can't be relied on: {text}." for text in data.doubts.of(judge)]


def _trainings(runs: Sequence[RunData], folder: FigureFolder) -> Iterator[tuple[str, str, str]]:
    curves = {
        run.names.get(system.name, system.name): (system.role, system.loss)
        for run in runs
        for system in run.folder.systems
        if system.loss
    }
    if curves:
        from gisteval.report.figures.training import loss_curves

        loss_curves(curves, folder, "loss")
        yield (
            "loss",
            "Training loss",
            "As logged in training. Trainings of one suite have the same data and steps.",
        )


def _profiles(runs: Sequence[RunData], folder: FigureFolder) -> Iterator[tuple[str, str, str]]:
    for run in runs:
        content = run.profile
        if not isinstance(content, ModelProfile | WhatIfProfile):
            continue
        from gisteval.report.figures.profile import draw_figures as draw_profile

        where = folder if len(runs) == 1 else folder.below(run.name)
        for name in draw_profile(content, where):
            title, caption = PROFILE_TEXTS[name.split("-")[0]]
            detail = name.partition("-")[2].replace("-", " ")
            yield (
                name if len(runs) == 1 else f"{run.name}/{name}",
                f"{title}, {detail}" if detail else title,
                caption,
            )
