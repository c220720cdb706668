"""The figure of training losses holds every loss that was logged."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from kept_figures import faults, keep_figures, lines

from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.style import NEGATIVE, POSITIVE
from gisteval.report.figures.training import loss_curves

CURVES = {
    "A-pos_control-1": ("positive", [(10, 2.0), (20, 1.0)]),
    "A-gist-1": ("candidate", [(10, 2.5), (20, 1.5), (30, 1.25)]),
    "A-neg_control-1": ("negative", [(10, 3.0)]),
    "B-gist-1": ("candidate", [(5, 7.0), (15, 6.0)]),
}


def test_each_family_has_a_panel_with_the_curves_as_logged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keep_figures(monkeypatch)
    loss_curves(CURVES, FigureFolder(tmp_path), "loss")
    assert not [fault for figure in kept.values() for fault in faults(figure)]
    first, second = kept["loss"].axes
    assert [axis.get_title() for axis in (first, second)] == ["A", "B"]
    assert lines(first) == {
        name.removeprefix("A-"): curve for name, (_, curve) in CURVES.items() if name.startswith("A")
    }
    assert list(lines(second).values()) == [CURVES["B-gist-1"][1]]
    colours = {line.get_label(): line.get_color() for line in first.get_lines()}
    assert (colours["pos_control-1"], colours["neg_control-1"]) == (POSITIVE[0], NEGATIVE[0])
    assert colours["gist-1"] not in (POSITIVE[0], NEGATIVE[0])


def test_a_panel_shows_a_loss_from_the_first_step_and_from_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a small fall does not look like a large one."""
    kept = keep_figures(monkeypatch)
    loss_curves({"A-gist-1": ("candidate", [(100, 2.0), (200, 1.9)])}, FigureFolder(tmp_path), "loss")
    (axis,) = kept["loss"].axes
    assert axis.get_title() == "" and axis.get_xlim()[0] == axis.get_ylim()[0] == 0.0
    assert axis.get_ylim()[1] >= 2.0
