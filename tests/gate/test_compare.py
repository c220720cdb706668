"""Two runs, example by example, on every metric."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from statsmodels.stats.multitest import multipletests

from gisteval.errors import InvalidRun
from gisteval.gate.compare import Comparison, MetricDifference, compare
from gisteval.gate.sides import choose_side

MakeRun = Callable[..., Path]


def compared(first: Path, second: Path, **options: object) -> Comparison:
    sides = (choose_side(path, None, "--system") for path in (first, second))
    return compare(*sides, **options)  # type: ignore[arg-type]


def rows(found: Comparison) -> dict[str, MetricDifference]:
    return {row.metric: row for row in found.differences}


def test_every_metric_is_compared(make_run: MakeRun) -> None:
    first = make_run("first", [1.0] * 40, output=lambda i: "yes" if i < 10 else f"answer {i}")
    found = compared(first, make_run("second", [0.5] * 40))
    table = rows(found)
    names = ["rougeL", "exact_match", "length", "nll", "exact_match_pos", "win_rate (reference)"]
    assert list(table) == names
    assert (table["exact_match"].first, table["exact_match"].second) == (75.0, 100.0)
    assert table["exact_match"].difference == -25.0
    assert (table["exact_match"].higher, table["exact_match"].equal, table["exact_match"].lower) == (
        0,
        30,
        10,
    )
    assert table["exact_match_pos"].difference == 25.0
    assert table["length"].difference == pytest.approx(-0.25)
    assert table["win_rate (reference)"].difference == 50.0
    assert table["nll"].p_value == 1.0
    p_values = [row.p_value for row in found.differences]
    adjusted = multipletests(p_values, method="holm")[1].tolist()
    assert [row.p_holm for row in found.differences] == pytest.approx(adjusted)
    json.dumps(found.to_json(), allow_nan=False)


def test_the_examples_that_changed_most_come_first(make_run: MakeRun) -> None:
    outputs = {3: "nothing", 5: "answer"}
    first = make_run("first", [0.5] * 9, output=lambda i: outputs.get(i, f"answer {i}"))
    found = compared(first, make_run("second", [0.5] * 9), changed=5)
    assert [(change.example, change.first) for change in found.changes] == [
        ("human-3", "nothing"),
        ("human-5", "answer"),
    ]
    assert found.changes[0].difference == -100.0
    assert found.changes[0].second == found.changes[0].reference == "answer 3"
    assert len(compared(first, make_run("third", [0.5] * 9), changed=1).changes) == 1


def test_an_output_that_is_missing_is_lost(make_run: MakeRun) -> None:
    """A failure of its system, not a smaller n; only what is measured on outputs leaves it out."""
    sides = make_run("a", [0.5] * 20, failed=[0, 1]), make_run("b", [0.5] * 20, failed=[1, 2])
    found = rows(compared(*sides))
    assert {name: row.n for name, row in found.items()} == {
        "rougeL": 20,
        "exact_match": 20,
        "length": 17,
        "nll": 17,
        "exact_match_pos": 20,
        "win_rate (reference)": 20,
    }
    rouge = found["rougeL"]
    assert (rouge.higher, rouge.equal, rouge.lower) == (1, 18, 1)
    assert rouge.difference == pytest.approx(rouge.first - rouge.second)


def test_win_rates_that_share_no_opponent_are_left_out(make_run: MakeRun) -> None:
    found = compared(make_run("a", [0.5] * 20), make_run("b", [0.5] * 20, positive="no"))
    assert "win_rate (reference)" not in rows(found)
    assert "win_rate (reference) on human" in found.left_out[0]
    assert compared(make_run("c", [0.5]), make_run("d", [0.5], judge=None)).left_out == ()


def test_other_examples_are_refused(make_run: MakeRun) -> None:
    with pytest.raises(InvalidRun, match="are the same: compare runs with the same task, --limit and"):
        compared(make_run("a", [0.5] * 20), make_run("b", [0.5] * 21))
