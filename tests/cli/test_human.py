"""`gisteval human`: a sheet goes out, answers come in, and both commands say where things lie."""

from __future__ import annotations

import csv
from pathlib import Path

from gisteval.records.run_folder import RunFolder


def test_what_is_exported_can_be_imported(gisteval, refused, make_run, tmp_path: Path) -> None:
    run = make_run({"pos": [f"good {n}" for n in range(6)], "gist-1": [f"poor {n}" for n in range(6)]})
    sheet = tmp_path / "sheet"
    export = ("human", "export", run, "--system", "gist-1", "--split", "test", "--output", sheet)
    said = gisteval(*export, "-n", 4).out
    assert said == f"4 pairs in {sheet / 'sheet.html'} and {sheet / 'sheet.csv'}\n"
    with (sheet / "sheet.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    answers = [f"{row['id']},{1 if row['answer_1'].startswith('good') else 2}" for row in rows]
    (tmp_path / "ann.csv").write_text("\n".join(["id,choice", *answers]) + "\n")
    text = gisteval("human", "import", run, tmp_path / "ann.csv").out
    assert "human:ann" in text and text.endswith(f"report: {run / 'report' / 'report.md'}\n")
    pairs = next(entry for entry in RunFolder.open(run).judging() if entry.judges == ("human:ann",))
    assert (pairs.pairs, pairs.wins, pairs.losses) == (4, 0, 4)
    assert "was not judged by 'nobody'" in refused(*export, "--choose", "nobody")
