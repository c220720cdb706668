"""`gisteval runs`: what is listed, compared and deleted, in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from three_runs import GOLDEN, three_runs

from gisteval.pipeline.runs import list_runs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return three_runs(tmp_path)


def test_without_a_command_the_runs_of_runs_are_listed(folder, monkeypatch, gisteval, refused) -> None:
    monkeypatch.chdir(folder)
    assert "runs is no folder" in refused("runs")
    (folder / "runs").mkdir()
    assert gisteval("runs").out == "runs holds no run; next: gisteval run --output runs/first\n"


def test_a_run_is_listed_in_two_lines_that_fit(folder: Path, gisteval) -> None:
    outcome = gisteval("runs", "ls", folder)
    lines = outcome.out.splitlines()[3:]
    found = list_runs(folder)
    assert len(lines) == 2 * len(found) and max(map(len, lines[::2])) <= 80
    for first, second, run in zip(lines[::2], lines[1::2], found, strict=True):
        assert first.split()[0] == str(run.path.relative_to(folder)) and second.strip() == run.headline
    assert lines[1].index(found[0].headline) == lines[0].index(found[0].task)


def test_pruning_asks_and_leaves_what_is_not_ours(folder: Path, gisteval, monkeypatch) -> None:
    (folder / "a" / "my notes.txt").write_text("mine")
    monkeypatch.setattr("typer.confirm", lambda text: False)
    assert gisteval("runs", "prune", folder, "--keep", 0).out.endswith("nothing is deleted\n")
    assert len(list_runs(folder)) == 3
    outcome = gisteval("runs", "prune", folder, "--keep", 0, "--yes")
    assert outcome.code == 0 and outcome.out.endswith("3 runs deleted\n"), outcome
    assert [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()] == [
        "a/my notes.txt"
    ]
    assert (folder / "notes").is_dir() and not (folder / "sweep" / "b").exists()


def test_a_long_side_of_a_difference_is_cut_and_a_missing_one_said(gisteval, folder: Path) -> None:
    file = folder / "a" / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["config"]["chat_template"] = "x" * 300
    del manifest["versions"]["torch"]
    file.write_text(json.dumps(manifest))
    lines = gisteval("runs", "diff", folder / "a", GOLDEN).out.splitlines()
    at = lines.index("versions.torch")
    assert lines[at + 1] == "  - (not there)" and lines[at + 2].startswith("  + '")
    at = lines.index("config.chat_template")
    assert lines[at + 1] == f"  - '{'x' * 199}..."
    assert lines[-1] == f"2 fields differ; next: gisteval compare {folder / 'a'} {GOLDEN}"
