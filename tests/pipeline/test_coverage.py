"""The coverage of a run's intervals, simulated and kept with the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.pipeline.coverage import simulate_run
from gisteval.records.run_folder import RunFolder
from gisteval.report.coverage import read_coverage, run_coverage

OUTPUTS = {"pos": ["ref 0", "ref 1", "no"] * 4, "gist-1": ["ref 0", "no", "no"] * 4}


def test_what_is_found_is_kept_and_the_same_seed_finds_it_again(make_run) -> None:
    run = make_run(OUTPUTS)
    found = simulate_run(run, ["rougeL"], 20, 3)
    assert {item.metric for item in found} == {"rougeL"}
    assert {item.system for item in found} == {"pos", "gist-1"}
    assert list(read_coverage(run)) == found == list(run_coverage(RunFolder.open(run), ["rougeL"], 20, 3))
    assert (run / "report" / "report.md").is_file()


def test_values_that_do_not_differ_are_refused_and_leave_no_file(make_run) -> None:
    run: Path = make_run({name: ["no"] * 4 for name in OUTPUTS})
    with pytest.raises(
        GistevalError, match=r"has no values of rougeL that differ: choose another --metric"
    ):
        simulate_run(run, ["rougeL"], 20, 0)
    assert not (run / "coverage.json").exists()
