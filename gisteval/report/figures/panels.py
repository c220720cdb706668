"""What figures of several panels share: empty panels, titles of columns, and one legend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes

from gisteval.report.figures.style import wrapped


def leave_empty(axis: Axes) -> None:
    """A panel that has nothing to show, without lines and numbers that would suggest otherwise."""
    axis.set_axis_off()


def title_columns(axes: Sequence[Axes], splits: Sequence[str]) -> None:
    """The splits' names above the first row of panels; they stay there where a panel is empty."""
    for axis, split in zip(axes, splits, strict=False):
        axis.set_title(wrapped(split))


def labelled(axes: Sequence[Axes]) -> dict[str, Any]:
    """What is drawn in any of the panels, by its label."""
    found: dict[str, Any] = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        for label, handle in zip(labels, handles, strict=True):
            found.setdefault(label, handle)
    return found
