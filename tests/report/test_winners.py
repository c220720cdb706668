"""The warning beside the best of many systems."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from frontier_rows import SYSTEMS, WHOLE, N, frontier_data
from run_folders import make_system

from gisteval.report.data import ReportData
from gisteval.report.leaderboard import leaderboard
from gisteval.report.values import Values
from gisteval.report.winners import winner_warnings

ROLES = {"pos_control": "positive", "neg_control": "negative"}


class Systems:
    """What a manifest says of the systems."""

    systems = tuple(
        make_system(name, ROLES.get(condition, "candidate"), compressor=compressor)
        for name, (compressor, condition, _, _) in SYSTEMS.items()
    )


def warnings(columns: dict[str, np.ndarray], clusters: dict[str, str], systems: set[str]) -> list[str]:
    (run,) = frontier_data().runs
    rows = tuple(row for row in run.rows if row.system in systems)
    data = ReportData((replace(run, folder=Systems(), rows=rows),))
    values = Values(
        {
            ("exact_match", name, "unseen"): {f"{n}": float(value) for n, value in enumerate(column)}
            for name, column in columns.items()
        },
        clusters,
    )
    return list(winner_warnings(data, values, leaderboard(data, values, "exact_match")))


CLUSTERS = {f"{n}": f"say {n}" for n in range(N)}


def test_equals_are_quoted_with_the_luck_that_the_best_of_them_had() -> None:
    """Honest is then the mean of them all, not the highest of their means."""
    draw = np.random.default_rng(6)
    columns = {name: 100.0 * (draw.random(N) < 0.5) for name in SYSTEMS}
    (text,) = warnings(columns, CLUSTERS, set(SYSTEMS))
    own = {name: column.mean() for name, column in columns.items() if name[-9:] != "control-1"}
    best = max(own, key=own.__getitem__)
    assert text.startswith(f"words, unseen: {best} is the best of 5 with exact match {own[best]:.1f}, ")
    honest = float(re.search(r"scores ([\d.]+) on the other half", text)[1])
    assert honest == pytest.approx(np.mean(list(own.values())), abs=4.0)
    assert honest < own[best]


def test_a_clear_best_keeps_its_score() -> None:
    columns = {name: np.full(N, 10.0) for name in SYSTEMS} | {"x-gist-5": np.full(N, 90.0)}
    (text,) = warnings(columns, CLUSTERS, set(SYSTEMS))
    assert "x-gist-5 is the best of 5 with exact match 90.0" in text
    assert "scores 90.0 on the other half (the same system in 100% of the halves)" in text


def test_few_systems_or_a_single_instruction_give_no_warning() -> None:
    columns = {name: np.full(N, 10.0) for name in SYSTEMS}
    three = {WHOLE, "x-gist-1", "x-gist-5"}  # the control is no winner
    assert warnings(columns, CLUSTERS, three) == []
    assert len(warnings(columns, CLUSTERS, three | {f"{WHOLE}-keydiff-1"})) == 1
    assert warnings(columns, dict.fromkeys(CLUSTERS, "say it"), set(SYSTEMS)) == []
