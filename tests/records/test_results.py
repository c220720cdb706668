"""results.json: read back as typed rows, or refused in one line."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from run_folders import claim_run, make_system

from gisteval.errors import GistevalError
from gisteval.records.results import Results, read_results
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, ResultRow

ROW = ResultRow("t", "s", "a", "gist", None, "gist", 1, "rougeL", 5.0, 4.0, None, "percent", 2, 2, 0)


def claimed(path: Path) -> RunFolder:
    return claim_run(path, {"s": [Example("1", "t", "s", "say", "", "x")]}, [make_system("a")])


def test_a_wrong_field_of_results_is_named(tmp_path: Path) -> None:
    folder = claimed(tmp_path)
    for change, says in (
        ({"n": -1}, "n is -1"),
        ({"value": 1e999}, "value is inf"),
        ({"k": "1"}, "k is '1'"),
    ):
        content = {"signature": "", "rows": [{**asdict(ROW), **change}]}
        (tmp_path / "results.json").write_text(json.dumps(content))
        with pytest.raises(GistevalError, match=rf"results\.json is damaged \(rows\[0\]\.{says}"):
            folder.results()


def test_results_come_back_as_rows(tmp_path: Path) -> None:
    folder = claimed(tmp_path)
    with pytest.raises(GistevalError, match=r"has no results\.json: finish that run first"):
        folder.results()
    folder.write_results([ROW], "signature")
    assert folder.results() == [ROW]
    (tmp_path / "results.json").write_text('{"rows": [3]}')
    with pytest.raises(GistevalError, match=r"results\.json is damaged"):
        folder.results()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    results = Results((ROW,), "a:b")
    results.write(tmp_path)
    assert read_results(tmp_path) == results
