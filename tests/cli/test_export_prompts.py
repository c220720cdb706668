"""`gisteval export-prompts`: each instruction once for each budget, to a file or to the terminal."""

from __future__ import annotations

import json
from pathlib import Path


def test_rows_are_lines_json_or_a_file(gisteval, refused, write_task, tmp_path: Path) -> None:
    task = write_task(tmp_path / "task", [("say a", "1", "x"), ("say b", "", "y"), ("say a", "2", "z")])
    command = ("export-prompts", "--task", task, "--budget", "4,50%")
    rows = json.loads(gisteval(*command, "--json").out)
    texts = [(row["instruction"], row["budget"]) for row in rows]
    assert texts == [(text, budget) for text in ("say a", "say b") for budget in ("4", "50%")]
    assert [json.loads(line) for line in gisteval(*command).out.splitlines()] == rows
    file = tmp_path / "rows.jsonl"
    assert gisteval(*command, "--output", file).out == f"{file}: 4 rows\n"
    assert [json.loads(line) for line in file.read_text().splitlines()] == rows
    assert "is already there" in refused(*command, "--output", file)
