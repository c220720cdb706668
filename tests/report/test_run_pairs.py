"""Runs of the same systems are compared example by example."""

from __future__ import annotations

import pytest
from scipy import stats as scipy_stats

from gisteval.report.build import report_tables
from gisteval.report.data import read_runs
from gisteval.report.samples import collect_samples


def compared(runs):
    data = read_runs(runs)
    return next(
        (table for table in report_tables(data, collect_samples(data)) if table.name == "runs-compared"),
        None,
    )


def test_the_difference_is_paired_over_the_examples_of_both(
    write_small_run, make_example, tmp_path
) -> None:
    examples = {"seen": [make_example(number) for number in range(30)]}
    worse = {"tiny-gist-1": range(0, 30, 3)}
    first = write_small_run(tmp_path / "a", examples, lambda item, *_: item.output, judge=None)
    second = write_small_run(
        tmp_path / "b",
        examples,
        lambda item, number, system: "" if number in worse.get(system, ()) else item.output,
        judge=None,
    )
    table = compared([first, second])
    assert table is not None
    by_place = {(row[2], row[3]): row for row in table.rows}
    found = by_place["b/tiny-gist-1", "exact match"]
    assert found[1] == "a/tiny-gist-1" and found[4:6] == ("100.0", "66.7")
    assert found[6].startswith("-33.3 [") and found[8] == "the second is lower"
    # Ten of thirty pairs differ, all in one direction: a sign test is the second path to the finding.
    assert float(found[7]) < 0.05 > scipy_stats.binomtest(10, 10).pvalue
    same = by_place["b/tiny-gist-4", "exact match"]
    assert same[6].startswith("0.0") and same[8] == "open"


def test_runs_of_different_limits_are_compared_on_what_they_share(
    write_small_run, make_example, tmp_path
) -> None:
    examples = [make_example(number) for number in range(12)]

    def right_to(end):
        return lambda item, number, system: item.output if number < end else ""

    # The second run has half of the examples. Over all of its own, the first run would seem the worse one.
    long = write_small_run(tmp_path / "long", {"seen": examples}, right_to(6), judge=None)
    short = write_small_run(tmp_path / "short", {"seen": examples[:6]}, right_to(3), judge=None)
    table = compared([long, short])
    cells = {row[3]: dict(zip(table.columns, row, strict=True)) for row in table.rows}["exact match"]
    assert (cells["first %"], cells["second %"], cells["n"]) == ("100.0", "50.0", "6")
    assert cells["second less first"].startswith("-50.0 [")


@pytest.mark.parametrize("count", [1, 2])
def test_runs_that_share_nothing_have_no_such_table(write_small_run, make_example, tmp_path, count) -> None:
    runs = [
        write_small_run(
            tmp_path / str(place), {"seen": [make_example(20 * place + n) for n in range(3)]}, judge=None
        )
        for place in range(count)
    ]
    assert compared(runs) is None
