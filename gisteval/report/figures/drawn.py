"""Which figures some runs support, in the order in which a report shows them."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gisteval.files.names import readable_name
from gisteval.report.data import ReportData, RunData
from gisteval.report.doubts import MARK
from gisteval.report.frontier import METRICS, frontier_points
from gisteval.report.samples import Samples


@dataclass(frozen=True, slots=True)
class RunFigure:
    """A figure that was drawn: the stem of its files, and its text; SVG for light and for dark pages."""

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
"""Title and caption of the figures of a profile, by the first part of their names."""


def can_draw() -> bool:
    """Whether matplotlib is installed."""
    try:
        return importlib.util.find_spec("matplotlib") is not None
    except ValueError:  # it is there, but its import is blocked
        return False


def draw_figures(data: ReportData, samples: Samples, folder: Path) -> list[RunFigure]:
    """Draw all that the runs support into `folder` as PNG, PDF and SVG.

    Raises MissingExtra without matplotlib.
    """
    from gisteval.report.figures.style import on_dark

    drawn = []
    for name, title, caption in _drawn(data, samples, folder):
        svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
        svg = svg[svg.index("<svg") :]  # without the XML and DTD lines, which a page has no use for
        drawn.append(RunFigure(name, title, caption, svg, on_dark(svg)))
    return drawn


def _drawn(data: ReportData, samples: Samples, folder: Path) -> Iterator[tuple[str, str, str]]:
    """Name, title and caption of each figure, once it is drawn."""
    yield from _frontiers(data, folder)
    yield from _scores(data, samples, folder)
    yield from _verdicts(data, folder)
    yield from _trainings(data.runs, folder)
    yield from _profiles(data.runs, folder)


def _frontiers(data: ReportData, folder: Path) -> Iterator[tuple[str, str, str]]:
    for metric, label in METRICS.items():
        points = frontier_points(data, metric)
        for group in dict.fromkeys(point.group for point in points):
            from gisteval.report.figures.frontier import frontier

            name = f"frontier-{readable_name(metric)}-{readable_name(group)}"
            frontier([point for point in points if point.group == group], data.rows, folder, name)
            yield (
                name,
                f"Frontier: {label} against stored bytes, beside {group}",
                "A line a compressor, over its budgets; gists in bold. Bars are 95% intervals, clustered "
                "by instruction. Bytes are measured, the mean over the prompts.",
            )


def _scores(data: ReportData, samples: Samples, folder: Path) -> Iterator[tuple[str, str, str]]:
    from gisteval.report.figures import quality
    from gisteval.report.figures.families import families

    rows = list(data.rows)
    found = families(rows)
    bands = "Bars and bands are 95% intervals, clustered by instruction."
    sweeps = {"rougeL": ("ROUGE-L over k", rows)}
    for judge in dict.fromkeys(row.judge for row in rows if row.metric == "win_rate" and row.judge):
        judged = [row for row in rows if row.judge == judge]
        sweeps[f"win_rate-{judge}"] = (f"Win rate over k ({judge})", judged)
    for stem, (title, own_rows) in sweeps.items():
        metric = stem.partition("-")[0]
        own = [family for family in (f.over_k() for f in families(own_rows)) if family.has(metric)]
        if own:
            name = f"k_sweep-{readable_name(stem)}"
            quality.k_sweep(own, own_rows, metric, folder, name)
            doubt = _doubt(data, stem.partition("win_rate-")[2])
            yield name, title, " ".join(["Controls are lines with bands.", bands, *doubt])
    if any(row.retention is not None and row.metric == "rougeL" for row in rows):
        quality.retention(found, rows, folder, "retention")
        yield (
            "retention",
            "Retention",
            "0: the negative control, 100: the positive one; with the interval of that ratio.",
        )
    own = [family for family in found if family.has("compression_achieved") and family.has("rougeL")]
    if own:
        quality.pareto(own, rows, folder, "pareto")
        yield "pareto", "Quality against compression", f"Achieved compression, the mean of ratios. {bands}"
    if samples.of_role("candidate") and any(sample.outputs for sample in samples.samples):
        quality.by_prompt_length(samples, folder, "by_prompt_length")
        yield "by_prompt_length", "Quality by length of the instruction", bands


def _verdicts(data: ReportData, folder: Path) -> Iterator[tuple[str, str, str]]:
    entries = [entry for entry in data.judging if entry["kind"] == "pairs"]
    if not entries:
        return
    from gisteval.report.figures import judged

    for judge in dict.fromkeys(entry["judge"] for entry in entries):
        own = [entry for entry in entries if entry["judge"] == judge]
        stem, doubt = readable_name(judge), "".join(f" {text}" for text in _doubt(data, judge))
        decided, swayed = judged.decided(own), judged.swayed(own)
        if decided:
            judged.win_bars(decided, folder, f"win_bars-{stem}")
            yield (
                f"win_bars-{stem}",
                f"Wins, ties and losses ({judge})",
                "Against the positive control. A pair counts once, however often it was shown; pairs "
                f"without an answer are left out.{doubt}",
            )
        if swayed:
            judged.judge_bias(swayed, folder, f"judge_bias-{stem}")
            first = any(entry["first_shown_share"] for entry in swayed)
            what = "the answer shown first, and the longer one, wins" if first else "the longer answer wins"
            yield (
                f"judge_bias-{stem}",
                f"{'Position and length' if first else 'Length'} ({judge})",
                f"How often {what} among decided looks at unequal texts; 50 is no "
                f"bias. 95% intervals, clustered by instruction.{doubt}",
            )


def _doubt(data: ReportData, judge: str) -> list[str]:
    return [f"{MARK} The judge can't be relied on: {text}." for text in data.doubts.of(judge)]


def _trainings(runs: Sequence[RunData], folder: Path) -> Iterator[tuple[str, str, str]]:
    curves = {
        run.names.get(system["name"], system["name"]): (system["role"], system["loss"])
        for run in runs
        for system in run.folder.systems
        if system.get("loss")
    }
    if curves:
        from gisteval.report.figures.training import loss_curves

        loss_curves(curves, folder, "loss")
        yield "loss", "Training loss", "As each training logged it; equal data and steps within a suite."


def _profiles(runs: Sequence[RunData], folder: Path) -> Iterator[tuple[str, str, str]]:
    for run in runs:
        content = run.profile
        if content is None or content["kind"] not in ("model", "what_if"):
            continue
        from gisteval.report.figures.profile import draw_figures as draw_profile

        where = folder if len(runs) == 1 else folder / run.name
        for name in draw_profile(content, where):
            title, caption = PROFILE_TEXTS[name.split("-")[0]]
            detail = name.partition("-")[2].replace("-", " ")
            yield (
                name if len(runs) == 1 else f"{run.name}/{name}",
                f"{title}, {detail}" if detail else title,
                caption,
            )
