"""Predictions of other tools become an ordinary run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.records.run_folder import RunFolder


def write(path: Path, outputs: dict[str, str], **renamed: str) -> Path:
    names = {name: name for name in ("instruction", "input", "y_pred", "y_true")} | renamed
    rows = [
        {
            names["instruction"]: f"say {text}",
            names["input"]: "",
            names["y_pred"]: output,
            names["y_true"]: text,
        }
        for text, output in outputs.items()
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    words = ["one cat", "two dogs", "three birds", "four fish"]
    return {
        "pos": write(tmp_path / "full.jsonl", {word: word for word in words}),
        "neg": write(tmp_path / "none.jsonl", {word: "no idea" for word in words}),
        "gist": write(tmp_path / "tool-gist-4.jsonl", {**{w: w for w in words}, "four fish": "four cats"}),
        "short": write(tmp_path / "pruned.jsonl", {word: "cat" for word in words[:3]}),
    }


def test_files_are_scored_and_paired_like_any_run(gisteval, files, tmp_path: Path) -> None:
    done = gisteval(
        *("import", files["gist"], files["short"], "--output", tmp_path / "run"),
        *("--pos-control", files["pos"], "--neg-control", files["neg"]),
        *("--compressor", "pruning", "--split", "test", "--task", "mine"),
    )
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == f"{tmp_path / 'run'}: 4 systems, 4 examples"
    assert lines[-1] == f"report: {tmp_path / 'run' / 'report' / 'report.html'}"
    (scored,) = [line for line in lines if line.split()[:1] == ["tool-gist-4"]]
    assert scored.split()[1:3] == ["4", "87.5"]
    written = (tmp_path / "run" / "report" / "report.md").read_text()
    assert "| test | tool-gist-4 | 4 | 87.5 [" in written
    assert "note: pruned: 1 of 4 examples have no output in pruned.jsonl." in done.err
    folder = RunFolder.open(tmp_path / "run")
    rows = {(row.metric, row.system): row for row in folder.results()}
    gist, pruned = rows["rougeL", "tool-gist-4"], rows["rougeL", "pruned"]
    assert (gist.value, gist.task, gist.split, gist.k, gist.condition) == (87.5, "mine", "test", 4, "gist")
    assert (gist.reference, gist.difference, gist.retention) == ("full", -12.5, 87.5)
    assert (pruned.n, pruned.failures, pruned.compressor, pruned.condition) == (4, 1, "pruning", None)
    assert rows["exact_match_pos", "tool-gist-4"].value == 75
    # What a file lacks is a loss to the gate, not a run that was never finished.
    sides = ("--system", "pruned", "--baseline-system", "tool-gist-4", "--metric", "rougeL")
    done = gisteval("gate", tmp_path / "run", "--baseline", tmp_path / "run", *sides)
    assert done.code in (1, 3) and "without a value 1" in " ".join(done.out.split())
    assert gisteval("report", tmp_path / "run").code == 0
    assert (tmp_path / "run" / "report" / "report.md").read_text() == written


def test_an_example_that_a_file_repeats_counts_each_time(gisteval, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", {"one cat": "one cat", "two dogs": "no"})
    file.write_text(file.read_text() + file.read_text().splitlines()[0] + "\n")
    assert gisteval("import", file, "--output", tmp_path / "run").code == 0
    rows = {row.metric: row for row in RunFolder.open(tmp_path / "run").results()}
    (scored,) = json.loads(gisteval("score", file, "--json").out)
    assert (rows["rougeL"].n, scored["n"]) == (3, 3)
    assert rows["rougeL"].value == pytest.approx(scored["rougeL"]) == pytest.approx(200 / 3)


def test_columns_can_have_any_name(gisteval, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", {"x": "x"}, instruction="prompt", y_pred="answer", y_true="gold")
    columns = ("--instruction-column", "prompt", "--prediction-column", "answer")
    done = gisteval("import", file, "--output", tmp_path / "run", *columns, "--reference-column", "gold")
    assert (done.code, done.out.splitlines()[0]) == (0, f"{tmp_path / 'run'}: 1 system, 1 example")
    (example,) = RunFolder.open(tmp_path / "run").examples("all")
    assert (example.instruction, example.input, example.output) == ("say x", "", "x")


def test_faults_are_one_line(refused, tmp_path: Path) -> None:
    file = write(tmp_path / "a.jsonl", {"x": "x"}, instruction="prompt")
    assert "no column 'instruction'" in refused("import", file, "--output", tmp_path / "run")
    (tmp_path / "b").mkdir()
    one, other = write(tmp_path / "c.jsonl", {"x": "x"}), write(tmp_path / "b" / "c.jsonl", {"x": "x"})
    assert "have one name" in refused("import", one, other, "--output", tmp_path / "run")
    one.write_text(one.read_text() + one.read_text().replace('"y_pred": "x"', '"y_pred": "z"'))
    assert "different outputs" in refused("import", one, "--output", tmp_path / "run")
    assert not (tmp_path / "run").exists()
