"""Short texts beside the points of a panel, placed so that they overlap neither each other nor a point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.transforms import Bbox

POINTS = 6
"""The font size."""

PLACES = ((4, 4), (-4, 4), (4, -4), (-4, -4), (4, 0), (-4, 0))
"""Offsets of a text from its point, in typographic points, the best first. All are beside the error bar."""

FAR = (1.0, 2.2, 3.4, 4.6, 5.8)
"""Factors of the vertical offset, tried in this order if all places are taken."""


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
    """Write each text where it overlaps nothing; further from its point if necessary.

    The panel must have its final position and limits.
    """
    figure: Any = axis.get_figure()
    scale = figure.dpi / 72
    to_pixels = axis.transData.transform
    taken = []
    for mark in marks:
        x, y = to_pixels((mark.x, mark.y))
        taken.append(Bbox.from_bounds(x - 2 * scale, y - 2 * scale, 4 * scale, 4 * scale))
        ends = [to_pixels((mark.x, end))[1] for end in (mark.low, mark.high)]
        taken.append(Bbox.from_extents(x - scale, ends[0], x + scale, ends[1]))
    for mark in marks:
        if not mark.text:
            continue
        x, y = to_pixels((mark.x, mark.y))
        width, height = 0.62 * POINTS * len(mark.text) * scale, POINTS * scale
        best: tuple[float, tuple[float, float], Bbox] | None = None
        for right, up in _places():
            box = _box(x + right * scale, y + up * scale, width, height, right, up)
            covered = sum(box.count_overlaps([other]) for other in taken) + _outside(box, axis.bbox)
            if best is None or covered < best[0]:
                best = covered, (right, up), box
            if not covered:
                break
        assert best is not None
        _, (right, up), box = best
        taken.append(box)
        note = axis.annotate(
            mark.text,
            (mark.x, mark.y),
            xytext=(right, up),
            textcoords="offset points",
            fontsize=POINTS,
            ha="left" if right > 0 else "right",
            va="center" if up == 0 else "bottom" if up > 0 else "top",
        )
        note.set_in_layout(False)


def _places() -> Iterator[tuple[float, float]]:
    for far in FAR:
        for right, up in PLACES:
            yield right, up * far


def _box(x: float, y: float, width: float, height: float, right: float, up: float) -> Bbox:
    left = x if right > 0 else x - width
    bottom = y - height / 2 if up == 0 else y if up > 0 else y - height
    return Bbox.from_bounds(left, bottom, width, height)


def _outside(box: Bbox, panel: Any) -> int:
    """Return 1 if a text leaves its panel, else 0."""
    return int(box.x0 < panel.x0 or box.x1 > panel.x1 or box.y0 < panel.y0 or box.y1 > panel.y1)
