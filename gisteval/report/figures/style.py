"""One style for all figures: PNG, PDF and SVG at the width of a column, for light paper and dark screens.

Colours are Okabe and Ito's (M. Okabe and K. Ito, "Color Universal Design", 2008), told apart by the colour
blind; every line has its own dash and marker as well, so the figures survive black and white.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from gisteval.errors import MissingExtra
from gisteval.store import write_atomic

try:
    import matplotlib
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
except ImportError as error:
    raise MissingExtra("matplotlib", "report") from error

COLUMN_INCHES = 3.4
INK = "#1f2328"
GRID = "#d9d6d0"
BLUE, VERMILLION, GREEN, PURPLE = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
ORANGE, SKY, GREY, PALE = "#e69f00", "#56b4e9", "#999999", "#c4c4c0"

DARK = {
    INK: "#e4e6e9",
    GRID: "#353a41",
    BLUE: "#4fa3e3",
    VERMILLION: "#f0803c",
    GREEN: "#3cc79b",
    PURPLE: "#dc9cc0",
    ORANGE: "#eab54a",
    SKY: "#8fd3fa",
    GREY: "#90959c",
    PALE: "#565c64",
    "#ffffff": "#15171a",
}
"""What each colour becomes on a dark page."""

SERIES: tuple[tuple[str, Any, str], ...] = (
    (VERMILLION, "-", "^"),
    (GREEN, "-.", "v"),
    (PURPLE, (0, (5, 1)), "D"),
    (ORANGE, (0, (1, 1)), "P"),
    (SKY, (0, (3, 1, 1, 1)), "*"),
)
"""Colour, dash and marker of compressed systems, in their order."""

POSITIVE: tuple[str, Any, str] = (INK, "-", "o")
NEGATIVE: tuple[str, Any, str] = (GREY, ":", "x")

SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 7,
    "axes.titlesize": 7.5,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "legend.frameon": False,
    "legend.fontsize": 6.5,
    "pdf.fonttype": 42,
    "svg.hashsalt": "gisteval",
    "savefig.dpi": 220,
}


@contextmanager
def column_figure(
    folder: Path,
    name: str,
    height: float,
    panels: tuple[int, int] = (1, 1),
    sharex: bool = False,
    sharey: bool = False,
) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure of one column's width, panels (rows, columns) row by row; saved in three formats."""
    with matplotlib.rc_context(SETTINGS):
        figure = Figure(figsize=(COLUMN_INCHES, height), layout="constrained")
        axes = figure.subplots(*panels, squeeze=False, sharex=sharex, sharey=sharey)
        yield figure, list(axes.flat)
        _save(figure, folder / f"{name}.png")
        figure.set_layout_engine(None)  # laid out once, not again for each format
        _save(figure, folder / f"{name}.pdf", metadata={"CreationDate": None})
        _save(figure, folder / f"{name}.svg", metadata={"Date": None}, transparent=True)


def _save(figure: Figure, path: Path, **options: Any) -> None:
    """Drawn in memory first, so that no reader ever sees half a figure."""
    drawn = BytesIO()
    figure.savefig(drawn, format=path.suffix[1:], **options)
    write_atomic(path, drawn.getvalue())


def on_dark(svg: str) -> str:
    """The SVG of one of our figures in the colours of a dark page."""
    return re.sub(r"#[0-9a-f]{6}\b", lambda match: DARK.get(match[0], match[0]), svg)


def series_styles(names: Sequence[str]) -> dict[str, tuple[str, Any, str]]:
    """Colour, dash and marker of each compressed system."""
    return {name: SERIES[place % len(SERIES)] for place, name in enumerate(names)}


def above(dash: Any) -> float:
    """Broken lines lie above unbroken ones, so that both show where they coincide."""
    return 2.0 if dash == "-" else 2.5
