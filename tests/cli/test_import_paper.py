"""`gisteval import-paper`: a part of the release, and folders that hold none of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path


def test_a_folder_without_any_of_it_is_one_line(refused, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert "holds no file of the paper's release" in refused("import-paper", tmp_path / "empty")
    assert "is not a folder" in refused("import-paper", tmp_path / "absent")


def test_the_commands_import_and_report(gisteval, shared_data: Path, tmp_path: Path) -> None:
    paper = shared_data / "paper"
    for file in [*paper.glob("model_outputs/*/*human*"), *paper.glob("chatgpt/*human*")]:
        copy = tmp_path / "part" / file.relative_to(paper)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    done = gisteval("import-paper", tmp_path / "part", "--output", tmp_path / "run", "--json")
    assert done.code == 0
    assert json.loads(done.out)["verdict_files"] == 2
    done = gisteval("report", tmp_path / "run")
    assert (done.code, done.err) == (0, "")
    text = (tmp_path / "run" / "report" / "report.md").read_text(encoding="utf-8")
    assert "| human | LLaMA-gist-1 | 1 | 23.9 [20.8, 28.0] | 76 [61, 93] | 45.4 [39.4, 51.7] |" in text
    assert "| rougeL | LLaMA-gist-1 | human | 23.92 | 23.91 [20.76, 28.00] | -0.00 | Table 1 |" in text


def test_counts_are_said_in_words(gisteval, tmp_path: Path) -> None:
    """A made row of one system: no verdicts, no timings, and so much is noted."""
    file = tmp_path / "release" / "model_outputs" / "My-gist-3" / "outputs-1-validation_human.csv"
    file.parent.mkdir(parents=True)
    file.write_text('x,y_true,y_pred\n"Instruction: a\nOutput: ",b,b\n')
    done = gisteval("import-paper", tmp_path / "release", "--output", tmp_path / "run")
    assert done.out == f"{tmp_path / 'run'}: 1 output file, 0 verdict files, 0 benchmark files\n", done
    assert all(line.startswith("note: ") for line in done.err.splitlines())
