"""Figures of verdicts draw the numbers of the results."""

from __future__ import annotations

import pytest

from gisteval.records.judge_figures import pair_entries
from gisteval.report.data import read_runs

pytest.importorskip("matplotlib")

from gisteval.report.figures.judged import decided, swayed

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
