"""Short texts beside the points of a panel, which adjustText moves away from each other and from points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from adjustText import adjust_text
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from gisteval.report.figures.style import GREY

POINTS = 6
"""The font size."""

STEPS = 200
"""Steps of adjustText. A limit in steps, not in seconds, so every drawing of a figure is the same."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A point and its text, in the panel's data coordinates.

    Attributes:
        text: The text. Empty: no text, but other texts avoid the point.
        x: The point's x.
        y: The point's y.
        low: The low end of its error bar.
        high: The high end of its error bar.
    """

    text: str
    x: float
    y: float
    low: float
    high: float


def place_marks(axis: Axes, marks: Sequence[Mark]) -> None:
    """Write each text where it overlaps nothing; a line joins a far one to its point.

    The panel must have its final position and limits.
    """
    named = [mark for mark in marks if mark.text]
    if not named:
        return
    texts = [axis.text(mark.x, mark.y, mark.text, fontsize=POINTS) for mark in named]
    for text in texts:
        text.set_in_layout(False)
    figure = axis.get_figure()
    assert isinstance(figure, Figure)
    scale = figure.dpi / 72
    # adjustText writes arrays into messages that nobody reads, which would take half of its time.
    with np.printoptions(formatter={"float": lambda _: "."}):
        adjust_text(
            texts,
            objects=[_bar(axis, mark, scale) for mark in marks],
            ax=axis,
            iter_lim=STEPS,
            force_text=(0.3, 0.3),
            force_static=(0.3, 0.3),
            expand=(1.25, 1.25),
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "shrinkB": 2},
        )


def _bar(axis: Axes, mark: Mark, scale: float) -> Bbox:
    """The pixels of a point's error bar and marker."""
    (x, low), (_, high) = axis.transData.transform([(mark.x, mark.low), (mark.x, mark.high)])
    y = axis.transData.transform((mark.x, mark.y))[1]
    return Bbox.from_extents(
        x - 2 * scale, min(low, y - 2 * scale), x + 2 * scale, max(high, y + 2 * scale)
    )
