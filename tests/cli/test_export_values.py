"""`gisteval export-values`: one table in two forms."""

from __future__ import annotations

import csv
import json
from pathlib import Path


def test_both_forms_hold_the_same_rows(gisteval, refused, make_run, tmp_path: Path) -> None:
    run = make_run({"pos": ["ref 0", "no"], "gist-1": ["ref 0", "ref 1"]})
    assert gisteval("score", run).code == 0
    files = [tmp_path / "values.csv", tmp_path / "values.json"]
    said = [gisteval("export-values", run, "--output", file).out for file in files]
    with files[0].open(newline="") as stream:
        table = list(csv.DictReader(stream))
    rows = json.loads(files[1].read_text())
    assert said == [f"{file}: {len(rows)} values\n" for file in files]
    for row, cells in zip(rows, table, strict=True):
        assert float(cells.pop("value")) == row.pop("value")
        assert {name: "" if value is None else str(value) for name, value in row.items()} == cells
    rows = json.loads(files[1].read_text())
    exact = {(r["system"], r["example"]): r["value"] for r in rows if r["metric"] == "exact_match"}
    assert exact == {("pos", "e0"): 100, ("pos", "e1"): 0, ("gist-1", "e0"): 100, ("gist-1", "e1"): 100}


def test_an_unknown_ending_is_refused_before_anything_is_read(refused, tmp_path: Path) -> None:
    line = refused("export-values", tmp_path / "no run", "--output", tmp_path / "values.xls")
    assert "the ending must be .csv or .json" in line
