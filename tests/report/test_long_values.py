"""The long table: every value of a run once."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from gisteval.records.run_folder import RunFolder
from gisteval.report.long_values import COLUMNS, long_columns

N = 40
OUTPUTS = {
    "pos": [f"ref {n}" for n in range(N)],
    "gist-1": [f"ref {n}" if n % 4 else f"other {n}" for n in range(N)],
}


def test_the_long_table_holds_every_value_once(gisteval, refused, make_run, tmp_path) -> None:
    run = make_run(OUTPUTS)
    gisteval("judge", run)
    file = tmp_path / "values.csv"
    assert gisteval("export-values", run, "--output", file).code == 0
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    columns = list(long_columns(RunFolder.open(run)))
    assert len(rows) == sum(column.values.size for column in columns)
    wins = [float(row["value"]) for row in rows if row["metric"] == "win_rate"]
    results = RunFolder.open(run).results()
    rate = next(row for row in results if row.metric == "win_rate" and row.system == "gist-1")
    assert np.mean(wins) == pytest.approx(rate.value)
    keys = {(row["example"], row["system"], row["metric"], row["judge"]) for row in rows}
    assert len(keys) == len(rows)
    as_json = tmp_path / "values.json"
    assert gisteval("export-values", run, "--output", as_json).code == 0
    assert len(json.loads(as_json.read_text())) == len(rows)
    assert "must be .csv or .json" in refused("export-values", run, "--output", tmp_path / "values.xls")
