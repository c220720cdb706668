"""`gisteval import`: what is printed is what was written."""

from __future__ import annotations

import json
from pathlib import Path


def test_the_table_the_counts_and_the_json_are_of_the_run(gisteval, tmp_path: Path) -> None:
    rows = [
        {"instruction": f"say {n}", "y_pred": text, "y_true": "a b"} for n, text in enumerate(("a b", "no"))
    ]
    file = tmp_path / "tool.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    run = tmp_path / "run"
    done = gisteval("import", file, "--output", run, "--k", 7, "--split", "mine")
    lines = done.out.splitlines()
    assert lines[0] == f"{run}: 1 system, 2 examples"
    assert lines[-1] == f"report: {run / 'report' / 'report.html'}"
    (scored,) = [line.split() for line in lines if line.split()[:1] == ["tool"]]
    assert scored[1:3] == ["7", "50.0"]
    again = gisteval("import", file, "--output", tmp_path / "again", "--k", 7, "--split", "mine", "--json")
    written = (tmp_path / "again" / "results.json").read_text()
    assert again.out == written
    assert {row["split"] for row in json.loads(written)["rows"]} == {"mine"}
    assert done.err == again.err
