"""One style for all figures, which have a column's width, for light paper and dark screens.

The colours are those of M. Okabe and K. Ito, "Color Universal Design", 2008, which colour-blind readers can
distinguish. Every line has a dash or marker of its own as well, so figures also work in black and white.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias

from gisteval.errors import MissingExtra
from gisteval.records.schema import ResultRow
from gisteval.records.store import write_atomic
from gisteval.report.figures.folder import SAVING, FigureFolder

try:
    import matplotlib
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.backend_bases import RendererBase
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.container import Container
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.patches import FancyArrowPatch
except ImportError as error:
    raise MissingExtra("matplotlib", "report") from error

Handle: TypeAlias = Artist | Container
"""What a legend shows: a line, an area, or a line with its error bars."""

COLUMN_INCHES = 3.4
PANEL_INCHES = 1.05
"""The width that a panel needs. A figure of many splits is wider than a column."""

LONGEST_NAME = 26
"""The largest number of characters of a name in one line."""

OTHER_SCRIPTS = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Noto Sans SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
    "Droid Sans Fallback",
    "Hiragino Sans",
    "PingFang SC",
    "Microsoft YaHei",
    "Noto Sans Arabic",
    "Noto Sans Devanagari",
    "Noto Sans Thai",
)

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


class _Figure(Figure):
    """A figure that is drawn once when it is saved.

    matplotlib draws it twice: first with a layout, of which nothing is shown, then without one. Only the
    ends of arrows at texts need the first drawing, since a text that was drawn knows its size.
    """

    def draw(self, renderer: RendererBase) -> None:
        """Draw the figure, or only lay it out."""
        engine = self.get_layout_engine()
        arrows = any(isinstance(patch, FancyArrowPatch) for axis in self.axes for patch in axis.patches)
        if self.canvas.is_saving() and isinstance(engine, ConstrainedLayoutEngine) and not arrows:
            engine.execute(self)
        else:
            super().draw(renderer)


@contextmanager
def column_figure(
    folder: FigureFolder,
    name: str,
    height: float,
    panels: tuple[int, int] = (1, 1),
    sharex: bool = False,
    sharey: bool = False,
) -> Iterator[tuple[Figure, list[Axes]]]:
    """Draw a figure in the context's body, then save it in the folder's formats.

    Files of this name in other formats are deleted.

    Args:
        folder: The folder of the files.
        name: The stem of the files' names.
        height: The height in inches.
        panels: The numbers of rows and columns of panels.
        sharex: Whether the panels share the horizontal axis.
        sharey: Whether the panels share the vertical axis.

    Yields:
        The figure, and its panels row by row.
    """
    with matplotlib.rc_context({**SETTINGS, "font.family": _fonts()}), warnings.catch_warnings():
        # A letter that no font has is shown as a box. Tables and pages have the letter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        width = max(COLUMN_INCHES, PANEL_INCHES * panels[1])
        figure = _Figure(figsize=(width, height), layout="constrained")
        axes = figure.subplots(*panels, squeeze=False, sharex=sharex, sharey=sharey)
        yield figure, list(axes.flat)
        for kind in dict.fromkeys(("svg", *folder.formats)):
            _save(figure, folder.path / f"{name}.{kind}", **SAVING[kind])
            figure.set_layout_engine(None)  # laid out once, not again for each format
        for kind in SAVING.keys() - {"svg", *folder.formats}:
            (folder.path / f"{name}.{kind}").unlink(missing_ok=True)  # of an earlier report, so out of date


def _save(figure: Figure, path: Path, **options: Any) -> None:
    """Save a figure. It is drawn in memory first, so that no reader sees half a figure."""
    drawn = BytesIO()
    figure.savefig(drawn, format=path.suffix[1:], **options)
    write_atomic(path, drawn.getvalue())


@cache
def _fonts() -> list[str]:
    """Return the font of the figures, and as fallbacks those of this machine that have other scripts."""
    there = {font.name for font in fontManager.ttflist}
    return [SETTINGS["font.family"], *(name for name in OTHER_SCRIPTS if name in there)]


def legend(figure: Figure, lines: Mapping[str, Handle], columns: int) -> None:
    """Draw a legend above the panels, in as many columns as there is room for.

    Args:
        figure: The figure.
        lines: The drawn line of each label.
        columns: The largest number of columns.
    """
    if not lines:
        return
    labels = [wrapped(label) for label in lines]
    handles: list[Any] = list(lines.values())  # matplotlib's types forget the containers that it takes
    # Saving the figure measures texts in the same way.
    canvas: Any = FigureCanvasAgg(figure)
    draw = canvas.get_renderer()
    for count in range(min(columns, len(lines)), 0, -1):
        drawn = figure.legend(handles, labels, loc="outside upper center", ncols=count)
        if count == 1 or drawn.get_window_extent(draw).width <= figure.bbox.width:
            return
        drawn.remove()


def wrapped(name: str, longest: int = LONGEST_NAME) -> str:
    """Break a name of more characters than fit a figure into lines, after a dash or a slash."""
    lines = [""]
    for part in re.findall(r"[^-/ ]*[-/ ]?", name):
        if lines[-1] and len(lines[-1]) + len(part.rstrip()) > longest:
            lines.append("")
        lines[-1] += part
    cut = [line[start : start + longest] for line in lines for start in range(0, len(line) or 1, longest)]
    return "\n".join(cut)


def fit_values(axes: Iterable[Axes], rows: Iterable[ResultRow], least: float = 0.0) -> None:
    """Set one vertical scale for all panels, which contains `least` and all values with their intervals.

    Call it when all is drawn, since a limit that is set earlier also applies to what is drawn later.
    """
    ends = [end for row in rows for end in (row.value, row.ci_low, row.ci_high) if end is not None]
    low, high = min([least, *ends]), max([least + 1, *ends])
    margin = 0.04 * (high - low)
    for axis in axes:
        axis.set_ylim(low if low >= least else low - margin, high + margin)


def on_dark(svg: str) -> str:
    """Return the SVG of one of our figures in the colours of a dark page."""
    return re.sub(r"#[0-9a-f]{6}\b", lambda match: DARK.get(match[0], match[0]), svg)


def series_styles(names: Sequence[str]) -> dict[str, tuple[str, Any, str]]:
    """Return colour, dash and marker of each compressed system.

    Where there are more systems than colours, a colour comes again with another dash and marker.
    """
    styles = {}
    for place, name in enumerate(names):
        turn, at = divmod(place, len(SERIES))
        _, dash, marker = SERIES[(at + turn) % len(SERIES)]
        styles[name] = (SERIES[at][0], dash, marker)
    return styles


def above(dash: Any) -> float:
    """Return the z-order of a line: dashed lines lie above solid ones, so that both are visible."""
    return 2.0 if dash == "-" else 2.5
