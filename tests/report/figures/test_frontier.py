"""The figure of a frontier."""

from __future__ import annotations

from pathlib import Path

import pytest
from frontier_rows import frontier_data

pytest.importorskip("matplotlib")

from gisteval.report.figures.frontier import frontier
from gisteval.report.frontier import frontier_points


def test_the_figure_has_a_line_a_compressor(tmp_path: Path) -> None:
    data = frontier_data()
    frontier(frontier_points(data, "exact_match"), data.rows, tmp_path, "frontier")
    svg = (tmp_path / "frontier.svg").read_text(encoding="utf-8")
    for label in ("gist", "keydiff", "random", "whole prompt", "no prompt", "stored bytes of a prompt"):
        assert f"<!-- {label} -->" in svg
