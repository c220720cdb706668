"""`gisteval score`: files of predictions or run folders, not both."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


def test_a_file_is_scored_by_its_columns(gisteval, tmp_path: Path) -> None:
    file = tmp_path / "p.csv"
    file.write_text("out,ref\nyes it is,yes it is\nno,maybe\n")
    command = ("score", file, "--prediction-column", "out", "--reference-column", "ref")
    (row,) = json.loads(gisteval(*command, "--json").out)
    assert row["n"] == 2 and "50" in gisteval(*command).out
    assert any(value == pytest.approx(50.0) for value in row.values() if isinstance(value, float))


def test_a_run_is_scored_again_and_both_at_once_is_refused(gisteval, refused, make_run) -> None:
    run = make_run({"pos": ["ref 0", "x"], "gist-1": ["ref 0", "ref 1"]})
    (found,) = json.loads(gisteval("score", run, "--json").out)
    values = {(row["system"], row["metric"]): row["value"] for row in found["rows"]}
    assert (values["pos", "exact_match"], values["gist-1", "exact_match"]) == (50.0, 100.0)
    assert "not both at once" in refused("score", run, run / "results.json")
