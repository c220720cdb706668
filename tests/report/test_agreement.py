"""Agreement of two judges, against a count by hand."""

from __future__ import annotations

from types import SimpleNamespace

from gisteval.report.agreement import agreement_table


def test_pairs_that_both_judged_are_compared_as_win_tie_or_loss() -> None:
    first = {"1": 100.0, "2": 75.0, "3": 50.0, "4": 0.0, "5": 0.0, "only": 100.0}
    second = {"1": 75.0, "2": 0.0, "3": 50.0, "4": 25.0, "5": 100.0}
    values = SimpleNamespace(
        judges=("x", "y", "z"),
        columns={("x", "g", "s"): first, ("y", "g", "s"): second, ("z", "other", "s"): first},
        clusters={pair: pair for pair in first},
    )
    (row,) = agreement_table(values).rows
    assert row[:5] == ("x", "y", "s", "g", "5") and row[5].startswith("60.0 ")
    chance = (2 * 2 + 1 * 1 + 2 * 2) / 25  # wins, ties, losses of both
    assert row[6] == f"{(0.6 - chance) / (1 - chance):.2f}"
