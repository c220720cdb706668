"""Runs read for a report: their systems' names, and what can't be reported on together."""

from __future__ import annotations

from pathlib import Path

import pytest
from run_folders import claim_run, make_generation, make_system, write_records

from gisteval.errors import GistevalError
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example
from gisteval.report.data import ReportData, read_runs
from gisteval.scores.rows import run_rows

EXAMPLES = tuple(Example(str(n), "t", "s", f"say {n}", "", "o") for n in range(3))


def run_of(path: Path, *candidates: str, note: str = "a note") -> RunFolder:
    """A finished run of candidates beside the control `pos`."""
    systems = [make_system("pos", "positive", reference="pos")]
    systems += [make_system(name, reference="pos") for name in candidates]
    folder = claim_run(path, {"s": EXAMPLES}, systems, notes=(note,))
    for system in systems:
        write_records(folder.generations(system.name), [make_generation(system, e, "o") for e in EXAMPLES])
    folder.write_results(list(run_rows(folder)), "t")
    return folder


def test_a_run_alone_keeps_its_names(tmp_path: Path) -> None:
    folder = run_of(tmp_path / "one", "a", "b")
    data = read_runs([folder])
    assert list(data.rows) == folder.results()
    assert data.notes == ("a note",)


def test_all_systems_of_a_run_are_renamed_if_one_must_be(tmp_path: Path) -> None:
    """So that a control is always found beside its candidates."""
    folders = [run_of(tmp_path / "one", "a"), run_of(tmp_path / "two", "b")]
    data = read_runs(folders)
    assert dict.fromkeys(row.system for row in data.rows) == dict.fromkeys(
        ["one/pos", "one/a", "two/pos", "two/b"]
    )
    for run in data.runs:
        assert {row.reference for row in run.rows} - {None} == {f"{run.name}/pos"}
        assert {system for system, _ in run.in_use} <= set(run.names.values())
    assert [row.value for row in data.rows] == [row.value for f in folders for row in f.results()]
    assert data.notes == ("one, two: a note",)


def test_runs_of_one_name_are_refused(tmp_path: Path) -> None:
    folders = [run_of(tmp_path / where / "run", "a") for where in ("x", "y")]
    with pytest.raises(GistevalError, match="two runs have the name run: rename the folder of one of them"):
        read_runs(folders)
    with pytest.raises(GistevalError, match="no run to report on: give the folder of a run"):
        read_runs([])


def test_data_without_runs_has_the_usual_leading_metric() -> None:
    assert ReportData(()).leading.name == "rougeL"  # a page of made samples, as a benchmark's
