"""The output of a profile: console text, profile.md, CSV and LaTeX tables, and figures."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

from gisteval.errors import MissingExtra, counted
from gisteval.records.profile_facts import ModelProfile, WhatIfProfile
from gisteval.records.shape_facts import Profile, ShapeProfile
from gisteval.records.store import write_atomic
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.layout import Table, latex_text, markdown_text, plain_text, threads_text
from gisteval.report.profile_tables import tables

CAPTIONS = {
    "break_even": "Total cost of one prompt over the number of its uses",
    "cost_by_prompt_length": "Cost of each use by prompt length (closed form)",
    "latency_breakdown": "Where the time goes",
    "roofline": "Attained speed beside the machine's measured roof",
}


def profile_text(content: Profile) -> str:
    """Write all tables with aligned columns, for a terminal."""
    head = _heading(content)
    notes = "".join(f"note: {note}\n" for note in _notes(content))
    return head + "\n\n" + "\n".join(plain_text(table) for table in tables(content)) + notes


def require_figures() -> None:
    """Check that figures can be drawn, before minutes of measuring.

    Raises:
        MissingExtra: matplotlib is missing.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtra("matplotlib", "report")


def write_profile_report(content: Profile, folder: Path, formats: Sequence[str] = ()) -> Path:
    """Write tables/profile-*.{csv,tex}, figures/*.svg and profile.md into a folder.

    Args:
        content: The profile.
        folder: The folder.
        formats: Those of the figures, beside SVG.

    Returns:
        The path of profile.md.

    Raises:
        MissingExtra: There are figures to draw, and matplotlib is missing.
    """
    all_tables = tables(content)
    for table in all_tables:
        stem = folder / "tables" / f"profile-{table.name}"
        write_atomic(stem.with_suffix(".csv"), table.csv_text())
        write_atomic(stem.with_suffix(".tex"), latex_text(table))
    figures: list[str] = []
    if isinstance(content, ModelProfile | WhatIfProfile):
        from gisteval.report.figures.profile import draw_figures

        figures = draw_figures(content, FigureFolder(folder / "figures", tuple(formats)))
    page = folder / "profile.md"
    write_atomic(page, _page(content, all_tables, figures))
    return page


def _page(content: Profile, all_tables: list[Table], figures: list[str]) -> str:
    parts = ["# Profile", _heading(content)]
    parts += [f"> **Note.** {note}" for note in _notes(content)]
    for table in all_tables:
        parts += [f"## {table.title}", markdown_text(table)]
    for name in figures:
        caption = CAPTIONS[name.split("-")[0]]
        parts += [f"![{caption}](figures/{name}.svg)"]
    return "\n\n".join(parts) + "\n"


def _notes(content: Profile) -> tuple[str, ...]:
    return content.notes if isinstance(content, ModelProfile) else ()


def _measured_in(content: ModelProfile) -> str:
    source, spent = content.flops_source, content.seconds_spent
    counted = "" if source is None else f", FLOPs: {source}"
    return counted + ("" if spent is None else f", measured in {spent:.0f} of {content.time_budget:g} s")


def _heading(content: Profile) -> str:
    if isinstance(content, ModelProfile):
        return (
            f"{content.model} on {content.source}: {counted(content.examples, 'example')}, "
            f"{content.output_tokens} output tokens, {content.device} {content.dtype}, "
            f"{threads_text(content.threads)}, {content.clock}, all ways on the weights of "
            f"{content.weights}{_measured_in(content)}"
        )
    if isinstance(content, WhatIfProfile):
        return (
            f"what if: input of {content.input_tokens} tokens, {content.output_tokens} output "
            f"tokens, {content.value_bytes} bytes a number; times are bounds of "
            f"{content.machine.name}"
        )
    if isinstance(content, ShapeProfile):
        return (
            f"{content.shape}: {content.input_tokens} tokens run behind {content.cached_tokens} "
            f"cached, {content.output_tokens} output tokens"
        )
    return "released benchmark files, recomputed by closed form"
