"""Parts of figures with several panels: empty panels, titles of columns, and one legend."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from gisteval.report.figures.style import Handle, wrapped


def leave_empty(axis: Axes) -> None:
    """Blank a panel that has nothing to show."""
    axis.set_axis_off()


def title_columns(axes: Sequence[Axes], splits: Sequence[str]) -> None:
    """Write the splits' names above the first row of panels, also above empty ones."""
    for axis, split in zip(axes, splits, strict=False):
        axis.set_title(wrapped(split))


def labelled(axes: Sequence[Axes]) -> dict[str, Handle]:
    """Return the handles of all panels by their labels."""
    handle_of: dict[str, Handle] = {}
    for axis in axes:
        handles, labels = axis.get_legend_handles_labels()
        for label, handle in zip(labels, handles, strict=True):
            handle_of.setdefault(label, handle)
    return handle_of
