"""Figures of scores draw the rows, and no value is cut."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")

from claim_rows import NEGATIVE, POSITIVE, ROW
from kept_figures import faults, keep_figures, lines

from gisteval.metrics import metric
from gisteval.report.figures.families import families
from gisteval.report.figures.folder import FigureFolder
from gisteval.report.figures.quality import k_sweep, pareto, retention

FOUR = replace(ROW, system="LLaMA-gist-4", k=4, value=25.0, retention=140.0, retention_ci_high=190.0)
SIZES = [
    replace(row, metric="compression_achieved", value=value) for row, value in ((ROW, 26.0), (FOUR, 6.5))
]
WHOLE = replace(POSITIVE, ci_low=25.0, ci_high=29.0)
NONE = replace(NEGATIVE, ci_low=12.0, ci_high=16.0)
ROWS = [WHOLE, ROW, FOUR, NONE, *SIZES]
ROUGE = metric("rougeL")


def test_every_system_is_drawn_where_its_row_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep_figures(monkeypatch)
    k_sweep(families(ROWS), ROWS, ROUGE, FigureFolder(tmp_path), "k")
    pareto(families(ROWS), ROWS, ROUGE, FigureFolder(tmp_path), "pareto")
    assert not [fault for figure in kept.values() for fault in faults(figure)]
    (by_k,), (by_size,) = kept["k"].axes, kept["pareto"].axes
    assert lines(by_k)["candidate"] == [(1.0, 23.9), (4.0, 25.0)]
    assert lines(by_size)["candidates"] == [(6.5, 25.0), (26.0, 23.9)], "the least compressed first"
    assert lines(by_size)["positive control"] == [(1.0, 27.0)]
    for axis in (by_k, by_size):
        assert {y for _, y in lines(axis)["negative control"]} == {14.4}
        assert axis.get_ylim()[0] == 0.0 and axis.get_ylim()[1] > 29.0
    assert {text.get_text() for text in by_size.texts} == {"1", "4"}


def test_a_retention_beyond_100_and_one_below_0_are_not_cut(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = keep_figures(monkeypatch)
    low = replace(ROW, split="seen", retention=-30.0, retention_ci_low=-55.0, retention_ci_high=None)
    rows = [*ROWS, low]
    retention(families(rows), rows, ROUGE, FigureFolder(tmp_path), "retention")
    (axis,) = kept["retention"].axes
    points = {label: [x for x, _ in found] for label, found in lines(axis).items()}
    assert points == {"human": [76.0], "seen": [-30.0]}  # the first of a split has its label
    left, right = axis.get_xlim()
    assert left < -30.0 and right > 190.0
    assert [text.get_text() for text in axis.get_yticklabels()] == ["gist-1", "gist-4"]


def test_win_rates_above_50_are_not_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first panel's values lie low, the last one's high: one axis must hold both."""
    kept = keep_figures(monkeypatch)
    rows = [
        replace(ROW, split=split, metric="win_rate", value=value, ci_low=value - 5, ci_high=value + 5)
        for split, value in (("s0", 20.0), ("s1", 93.0))
    ]
    k_sweep(families(rows), rows, metric("win_rate"), FigureFolder(tmp_path), "f")
    limits = [axis.get_ylim() for axis in kept["f"].axes]
    assert len(limits) == 2 and all(low <= 15.0 and high >= 98.0 for low, high in limits)
