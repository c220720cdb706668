"""Loss curves of the trainings behind a run's checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gisteval.report.claims import short_names
from gisteval.report.figures.style import NEGATIVE, POSITIVE, column_figure, series_styles

Curve = Sequence[tuple[int, float]]
"""(step, loss in nats a token), as training logged it."""

LONGEST_IN_THREES = 16
"""Characters of a name of which three fit beside each other into a column's width."""


def loss_curves(curves: Mapping[str, tuple[str, Curve]], folder: Path, name: str) -> None:
    """Loss over steps. curves: (role, curve) by system."""
    styles: dict[str, tuple[str, Any, str]] = series_styles(
        [system for system, (role, _) in curves.items() if role == "candidate"]
    )
    controls = {"positive": POSITIVE, "negative": NEGATIVE}
    short = short_names(curves)
    columns = 3 if max(map(len, short.values())) <= LONGEST_IN_THREES else 2
    with column_figure(folder, name, 2.6) as (figure, (axis,)):
        for system, (role, curve) in curves.items():
            colour, dash, _ = controls.get(role) or styles[system]
            steps, losses = zip(*curve, strict=True)
            axis.plot(steps, losses, color=colour, linestyle=dash, label=short[system])
        axis.set_xlabel("step")
        axis.set_ylabel("loss, nats a token")
        axis.set_ylim(bottom=0)
        axis.set_xlim(left=0)
        axis.grid()
        figure.legend(loc="outside upper center", ncols=columns)
