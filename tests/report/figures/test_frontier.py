"""The figure of a frontier."""

from __future__ import annotations

from pathlib import Path

import pytest
from frontier_rows import SYSTEMS, WHOLE, N, frontier_data

pytest.importorskip("matplotlib")

from kept_figures import keep_figures, lines

from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.frontier import frontier
from gisteval.report.frontier import frontier_points


def test_the_figure_has_a_line_a_compressor(tmp_path: Path) -> None:
    data = frontier_data()
    frontier(frontier_points(data, "exact_match"), data.rows, FigureFolder(tmp_path), "frontier")
    svg = (tmp_path / "frontier.svg").read_text(encoding="utf-8")
    for label in ("gist", "keydiff", "random", "whole prompt", "no prompt", "stored bytes of a prompt"):
        assert f"<!-- {label} -->" in svg


def test_sizes_that_are_alike_have_few_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep_figures(monkeypatch)
    data = frontier_data()
    frontier(frontier_points(data, "exact_match")[:1], data.rows, FigureFolder(tmp_path), "f")
    (axis,) = kept["f"].axes
    low, high = axis.get_xlim()
    assert high / low < 3 and 1 <= sum(low <= mark <= high for mark in axis.get_xticks()) <= 3


def test_a_point_lies_at_its_bytes_and_score(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep_figures(monkeypatch)
    data = frontier_data()
    frontier(frontier_points(data, "exact_match")[::-1], data.rows, FigureFolder(tmp_path), "f")
    (axis,) = kept["f"].axes
    drawn = lines(axis)
    for family in ("gist", "keydiff", "random"):
        own = [(size, 100 * right / N) for kind, _, size, right in SYSTEMS.values() if kind == family]
        assert drawn[family] == own, "the smallest first"
    levels = {line.get_ydata()[0] for line in axis.get_lines() if list(line.get_xdata()) == [0, 1]}
    assert levels == {100 * SYSTEMS[WHOLE][3] / N, 0.0}, "the controls"
    low, high = axis.get_xlim()
    assert low < 200 and high > 1010
