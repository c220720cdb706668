"""What happens to a run's folder between commands: cut and repeated lines, no right to write, odd times."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

EXAMPLES = [(f"say {'cats ' * (n % 5)}{n}", "dogs" * (n % 3), f"yes {n}") for n in range(12)]
AS_NO_ROOT = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"] if os.geteuid() == 0 else []
"""Without its capabilities even root keeps to a folder's rights."""


@pytest.fixture
def judged(tiny_suite, write_task, tmp_path: Path, gisteval) -> tuple[Path, list[list[object]]]:
    """A finished, judged run, and the commands that made it."""
    task = write_task(tmp_path / "task", EXAMPLES)
    run = tmp_path / "run"
    commands: list[list[object]] = [
        ["run", "--model", tiny_suite / "gist-3", "--task", task, "--output", run],
        ["judge", run],
    ]
    for command in commands:
        assert gisteval(*command).code == 0
    return run, commands


def records(run: Path) -> list[Path]:
    return [*sorted((run / "generations").glob("*.jsonl")), *sorted((run / "verdicts").glob("*.jsonl"))]


def cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def remove(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("harm", [cut, remove])
@pytest.mark.parametrize("results", ["kept", "cut"])
def test_what_was_cut_is_made_again(
    harm: Callable[[Path], None], results: str, judged, gisteval, state
) -> None:
    run, commands = judged
    before = state(run)
    for file in [*records(run), *(run / "examples").glob("*.jsonl")]:
        harm(file)
    if results == "cut":
        harm(run / "results.json")
    for command in commands:
        outcome = gisteval(*command)
        assert outcome.code == 0, outcome.err
    assert state(run) == before


def test_lines_that_are_there_twice_count_once(judged, gisteval, state) -> None:
    run, commands = judged
    before = state(run)
    for file in records(run):
        lines = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join([*lines, *lines[::2], *lines[:3]]))
    for command in commands:
        assert gisteval(*command).code == 0
    after = state(run)
    assert after["results.json"] == before["results.json"]
    assert {name: set(lines) for name, lines in after.items() if name.endswith("jsonl")} == {
        name: set(lines) for name, lines in before.items() if name.endswith("jsonl")
    }


@pytest.mark.parametrize("shift", [-400, 400])
def test_a_clock_that_jumped_between_two_commands_changes_nothing(
    shift: int, judged, gisteval, state
) -> None:
    run, commands = judged
    before = state(run)
    cut(records(run)[0])
    then = time.time() + 86400 * shift
    for path in [run, *run.rglob("*")]:
        os.utime(path, (then, then))
    for command in commands:
        assert gisteval(*command).code == 0
    assert state(run) == before


def test_a_folder_without_the_right_to_write_is_one_line(judged) -> None:
    run, commands = judged
    for path in [run, *(path for path in run.rglob("*") if path.is_dir())]:
        path.chmod(0o555)
    for path in run.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
    content = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    try:
        for command in commands:
            ended = subprocess.run(
                [*AS_NO_ROOT, sys.executable, "-m", "gisteval", *map(str, command)],
                capture_output=True,
                text=True,
            )
            assert ended.returncode == 2
            (line,) = [line for line in ended.stderr.splitlines() if line.startswith("gisteval: ")]
            assert "can't be written (Permission denied)" in line and "Traceback" not in ended.stderr
    finally:
        for path in [run, *run.rglob("*")]:
            path.chmod(0o755)
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == content
