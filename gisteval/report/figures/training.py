"""A figure of the training losses of a run's checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from gisteval.report.claims import family_of, short_names
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.style import NEGATIVE, POSITIVE, column_figure, series_styles

Curve = Sequence[tuple[float, float]]
"""Pairs of step and loss in nats per token, as training logged them."""


def loss_curves(curves: Mapping[str, tuple[str, Curve]], folder: FigureFolder, name: str) -> None:
    """Draw loss over steps, with a panel per family.

    Args:
        curves: The role and the curve of each system.
        folder: The folder of the files.
        name: The stem of the files' names.
    """
    families: dict[str, list[str]] = {}
    for system in curves:
        families.setdefault(family_of(system), []).append(system)
    controls = {"positive": POSITIVE, "negative": NEGATIVE}
    with column_figure(folder, name, 0.3 + 2.0 * len(families), (len(families), 1)) as (figure, axes):
        for axis, (family, systems) in zip(axes, families.items(), strict=True):
            styles = series_styles([system for system in systems if curves[system][0] == "candidate"])
            short = short_names(systems)
            for system in systems:
                role, curve = curves[system]
                colour, dash, _ = controls.get(role) or styles[system]
                steps, losses = zip(*curve, strict=True)
                axis.plot(steps, losses, color=colour, linestyle=dash, label=short[system])
            if len(families) > 1:
                axis.set_title(family)
            axis.set_ylabel("loss, nats a token")
            axis.set_ylim(bottom=0)
            axis.set_xlim(left=0)
            axis.grid()
            axis.legend(loc="best", ncols=2)
        figure.supxlabel("step", fontsize=7)
