"""`gisteval sweep`: how it ends, and what it says on the way."""

from __future__ import annotations

import json
from pathlib import Path

import pytest


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Two entries whose models are nowhere."""
    (tmp_path / "sweep.yaml").write_text(
        "grid: {models: [nowhere/one, nowhere/two]}\ncommon: {task: wordplay}\n"
    )
    return tmp_path / "sweep.yaml"


def test_failed_entries_are_said_counted_and_the_exit_code(gisteval, file: Path, tmp_path: Path) -> None:
    done = gisteval("sweep", file, "--output", tmp_path / "runs")
    assert done.code == 2
    said = [line for line in done.err.splitlines() if ": failed: " in line]
    assert len(said) == 2 and "nowhere/one" in said[0] and "nowhere/two" in said[1]
    assert done.out.splitlines()[0] == "entries: 0 finished, 2 failed"
    found = json.loads(gisteval("sweep", file, "--output", tmp_path / "runs", "--json").out)
    assert [entry["state"] for entry in found["entries"]] == ["failed", "failed"]


def test_a_shard_is_a_part_without_a_report(gisteval, refused, file: Path, tmp_path: Path) -> None:
    done = gisteval("sweep", file, "--output", tmp_path / "runs", "--shard", "2/2", "--json")
    found = json.loads(done.out)
    assert (done.code, len(found["entries"]), found["report"]) == (2, 1, None)
    assert "nowhere/two" in found["entries"][0]["error"]
    assert "--shard" in refused("sweep", file, "--output", tmp_path / "runs", "--shard", "3/2")
