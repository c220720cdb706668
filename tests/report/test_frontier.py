"""The frontier: who is compared with whom, what is shown, and what is a tie."""

from __future__ import annotations

import csv
import io

import pytest
from frontier_rows import SYSTEMS, WHOLE, N, frontier_data

from gisteval import stats
from gisteval.report.data import ReportData, RunData, read_runs
from gisteval.report.frontier import (
    corrected,
    frontier_points,
    frontier_tables,
    hold,
    nearest_gist,
    screened,
    values_by_metric,
)
from gisteval.report.samples import collect_samples
from gisteval.report.values import Values, values_of


@pytest.fixture(scope="module")
def data() -> ReportData:
    return frontier_data()


@pytest.fixture(scope="module")
def values() -> Values:
    """The first so many examples of each system are right."""
    columns = {
        ("exact_match", system, "unseen"): {f"{n}": 100.0 * (n < right) for n in range(N)}
        for system, (_, _, _, right) in SYSTEMS.items()
    }
    return Values(columns=columns, clusters={f"{n}": f"say {n}" for n in range(N)})


def test_the_points_are_the_compressed_systems(data: ReportData) -> None:
    points = frontier_points(data, "exact_match")
    assert [point.row.system for point in points] == list(SYSTEMS)[1:-1]
    assert {point.group for point in points} == {WHOLE}
    assert frontier_points(data, "rougeL") == []
    gists = [row for row in data.rows if row.compressor in ("gist", "full", "empty")]
    alone = ReportData((RunData("run", None, {}, tuple(gists), (), None),))
    assert frontier_points(alone, "exact_match") == [], "a single compressor has no frontier"


def test_rivals_are_held_against_the_gist_of_similar_size(data: ReportData) -> None:
    points = frontier_points(data, "exact_match")
    found = {point.row.system: nearest_gist(point, points).row.system for point in points}
    assert found[f"{WHOLE}-keydiff-1"] == "x-gist-1"
    assert found[f"{WHOLE}-keydiff-5"] == found[f"{WHOLE}-random-5"] == "x-gist-5"


def test_the_table_says_what_is_shown_and_calls_the_rest_ties(data: ReportData, values: Values) -> None:
    (table,) = frontier_tables(data, values)
    rows = {row["system"]: row for row in csv.DictReader(io.StringIO(table.csv_text()))}
    assert [rows[s]["finding"] for s in ("x-gist-1", "x-gist-5")] == ["worse", "tie"]
    found = {s: rows[f"{WHOLE}-{s}"] for s in ("keydiff-1", "keydiff-5", "random-5")}
    assert [row["finding"] for row in found.values()] == ["worse", "tie", "worse"]
    assert [row["finding, gist"] for row in found.values()] == ["tie", "tie", "worse"]
    assert float(found["random-5"]["less that gist"]) == pytest.approx(100 * (20 - 108) / N, abs=0.05)
    assert "over 8 comparisons of this table" in table.note
    assert [row[2] for row in table.rows] == ["200 B", "205 B", "1 kB", "1.01 kB", "1.01 kB"]


def test_p_values_are_those_of_paired_differences_under_holm(values: Values) -> None:
    others = ["x-gist-1", f"{WHOLE}-keydiff-5", f"{WHOLE}-random-5"]
    found = [hold(values, "exact_match", "unseen", "x-gist-5", other) for other in others]
    ours = list(values.columns["exact_match", "x-gist-5", "unseen"].values())
    theirs = [list(values.columns["exact_match", other, "unseen"].values()) for other in others]
    known = [stats.paired_difference(ours, other, span=100.0, permutations=1) for other in theirs]
    assert [held.p_value for held in corrected(found)] == stats.holm([one.p_value for one in known])
    assert [held.difference.value for held in found] == [one.estimate.value for one in known]
    raw = [screened(values, "exact_match", "unseen", "x-gist-5", other) for other in others]
    assert raw == [known[0].p_value, 1.0, known[2].p_value], "the second is not worth a test"
    assert hold(values, "exact_match", "human", "x-gist-5", WHOLE) is None


def test_values_of_a_metric_that_the_report_does_not_lead_with_are_those_of_its_rows(small_run) -> None:
    data = read_runs([small_run])
    values = values_of(collect_samples(data))
    assert values.leading == "rougeL"
    known = values_by_metric(data, values, "exact_match")
    rows = [row for row in data.rows if row.metric == "exact_match"]
    assert rows
    for row in rows:
        column = known.columns["exact_match", row.system, row.split]
        assert sum(column.values()) / len(column) == pytest.approx(row.value)
