"""report.md: notes, tables and where the numbers come from."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import UndefinedError

from gisteval.report.markdown import write_report
from gisteval.schema import ResultRow

ROW = ResultRow(
    "small", "seen", "gist-1", "gist", None, "gist", 1, "rougeL", 45.44, 39.5, 51.2, "percent", 24, 8, 0
)
MANIFEST = {
    "identity": {"task": "small"},
    "splits": {"seen": 24},
    "command": ["gisteval", "run", "--limit", "24"],
    "device": "cpu",
    "dtype": "float32",
    "versions": {"torch": "2.13.0"},
    "self_check": {
        "gist-1": {"examples": 6, "tokens": 28, "max_nll_difference": 9.5e-07, "greedy_mismatches": 0}
    },
}


def test_the_report_has_notes_table_and_origin(tmp_path: Path) -> None:
    notes = ["pos_control is untrained: own weights.", "2 examples exceed the context & <more>."]
    path = write_report(tmp_path, [ROW], notes, MANIFEST)
    assert path == tmp_path / "report" / "report.md"
    lines = path.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# small: seen"
    assert "`gisteval run --limit 24`" in lines
    for note in notes:
        assert f"> **Note.** {note}" in lines
    (row,) = [line for line in lines if line.startswith("| gist-1 | 1 |")]
    header = lines[lines.index(row) - 2]
    assert row.count("|") == header.count("|") == lines[lines.index(row) - 1].count("|")
    assert "45.4 [39.5, 51.2]" in row
    assert "| device, dtype | cpu, float32 |" in lines
    assert "| torch | 2.13.0 |" in lines
    assert "| gist-1 | 6 | 28 | 9.5e-07 | 0 |" in lines


def test_an_incomplete_manifest_is_no_silent_gap(tmp_path: Path) -> None:
    incomplete = {name: value for name, value in MANIFEST.items() if name != "device"}
    with pytest.raises(UndefinedError):
        write_report(tmp_path, [ROW], [], incomplete)
