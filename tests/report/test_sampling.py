"""Tables of runs with several answers to each example."""

from __future__ import annotations

import pytest
from run_folders import make_manifest, make_system

from gisteval.metrics import metric
from gisteval.records.schema import Example, ResultRow
from gisteval.report.data import ReportData, RunData
from gisteval.report.sampling import gain_texts, sampling_tables

EXAMPLES = {"s": [Example("e", "t", "s", "do", "", "yes")]}


class Folder:
    """What a report asks of a run's folder."""

    splits = ("s",)
    systems = (make_system("gist-1"),)

    def __init__(self, samples: int | None) -> None:
        self._manifest = make_manifest(
            EXAMPLES, self.systems, samples=samples, metrics=("rougeL", "exact_match")
        )

    def manifest(self):
        return self._manifest


def row(name: str, value: float) -> ResultRow:
    named = ("t", "s", "gist-1", "gist", None, "gist", 1, name)
    return ResultRow(*named, value, value - 1.0, value + 1.0, metric(name).unit, 30, 30, 0)


ROWS = (
    row("rougeL", 60.0),
    row("exact_match", 40.0),
    row("exact_match.pass@2", 55.0),
    row("exact_match.pass^2", 25.0),
    row("rougeL.sd_items", 30.0),
    row("rougeL.sd_samples", 20.0),
)


def tables(samples: int | None):
    return sampling_tables(ReportData((RunData("run", Folder(samples), {}, ROWS, (), None),)))


def test_the_spread_and_what_more_would_bring() -> None:
    spread, repeats = tables(2)
    assert spread.rows == (
        (
            "s",
            "gist-1",
            "60.0 [59.0, 61.0]",
            "30.0 [29.0, 31.0]",
            "20.0 [19.0, 21.0]",
            "2",
            "18%",
            "5%",
            "29%",
            "30",
        ),
    )
    assert repeats.columns == ("split", "system", "pass@1", "pass@2", "pass^2", "n")
    assert repeats.rows[0][2:5] == ("40.0 [39.0, 41.0]", "55.0 [54.0, 56.0]", "25.0 [24.0, 26.0]")


@pytest.mark.parametrize("samples", [None, 1])
def test_runs_with_one_answer_have_no_such_tables(samples: int | None) -> None:
    assert tables(samples) == []


def test_gains() -> None:
    # All of the variance is due to the answers: twice as many narrow the interval as twice the examples do.
    assert gain_texts(0.0, 10.0, 4) == ("100%", "29%", "29%")
    assert gain_texts(10.0, 0.0, 4) == ("0%", "0%", "29%")
    assert gain_texts(0.0, 0.0, 4) == ("-", "-", "-")
