"""Figures of verdicts draw the numbers of the results."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.records.judge_figures import pair_entries
from gisteval.report.data import read_runs
from gisteval.report.figures.folder import FigureFolder

pytest.importorskip("matplotlib")

from kept_figures import faults, keep_figures

from gisteval.report.figures.judged import decided, judge_bias, swayed, win_bars

GIST = "tiny-gist-1"


def test_figures_draw_the_numbers_of_the_results(small_run) -> None:
    data = read_runs([small_run])
    entries = pair_entries(data.judging)
    found = {(entry.system, entry.split): entry for entry in decided(entries)}
    gist = found[GIST, "seen"]
    assert [gist.wins, gist.ties, gist.losses] == [0, 18, 6]
    for row in data.rows:
        if row.metric == "win_rate":
            entry = found[row.system, row.split]
            assert row.value == pytest.approx(100 * (entry.wins + entry.ties / 2) / row.n)
    # Of 24 pairs, in which the control's is longer, 6 are won by the first in both orders; else each once.
    negative = next(entry for entry in swayed(entries) if entry.system == "tiny-neg_control-1")
    assert negative.first_shown_share.value == pytest.approx(100 * (18 + 2 * 6) / 48)
    assert negative.longer_share.value == pytest.approx(100 * (2 * 18 + 6) / 48)


def test_bars_and_dots_are_those_of_their_lines(
    small_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Systems of one split stand below its name, in the order of the entries."""
    kept = keep_figures(monkeypatch)
    entries = pair_entries(read_runs([small_run]).judging)
    win_bars(entries, FigureFolder(tmp_path), "bars")
    judge_bias(entries, FigureFolder(tmp_path), "bias")
    splits = list(dict.fromkeys(entry.split for entry in entries))
    by_line = [part for split in splits for part in (None, *(e for e in entries if e.split == split))]
    assert not [fault for figure in kept.values() for fault in faults(figure)]
    (bars,), (bias,) = kept["bars"].axes, kept["bias"].axes
    (half,) = [line for line in bars.lines if set(line.get_xdata()) == {50}]
    assert half.get_zorder() < min(bar.get_zorder() for bar in bars.patches), "no number is struck through"
    drawn = {(round(bar.get_y() + bar.get_height() / 2), round(bar.get_x(), 6)): bar.get_width()
             for bar in bars.patches if bar.get_width()}  # fmt: skip
    expected = {}
    for place, entry in enumerate(by_line):
        left = 0.0
        for count in (entry.wins, entry.ties, entry.losses) if entry else ():
            share = 100 * count / (entry.wins + entry.ties + entry.losses)
            if share:
                expected[place, round(left, 6)] = share
            left += share
    assert drawn == pytest.approx(expected)
    dots = [line for line in bias.get_lines() if line.get_marker() in ("o", "s")]
    found = {(round(dot.get_ydata()[0]), dot.get_marker()): dot.get_xdata()[0] for dot in dots}
    stated = {(place, "o"): e.first_shown_share.value for place, e in enumerate(by_line) if e}
    stated |= {(place, "s"): e.longer_share.value for place, e in enumerate(by_line) if e}
    assert found == pytest.approx(stated)
    names = [text.get_text() for text in bias.get_yticklabels()]
    assert [name for name, entry in zip(names, by_line, strict=True) if entry is None] == splits
