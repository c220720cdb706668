"""Two commands on one run folder: the second is told who is at work there, and changes nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HOLD = """
import sys, time
from pathlib import Path
from gisteval.records.store import only_writer
with only_writer(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""
PREDICTIONS = "instruction,y_pred,y_true\nsay cats,cats,cats\nsay dogs,dogs,dogs\n"


@contextmanager
def another_writer(folder: Path) -> Iterator[int]:
    """A process that holds a folder, and is killed at the end."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(folder)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdout.readline() == b"held\n"
        yield process.pid
        os.kill(process.pid, signal.SIGKILL)
        process.wait()


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def commands(make_run, tmp_path: Path, tiny_suite, tiny_task) -> dict[str, tuple[object, ...]]:
    """Every command that writes run folders, with one to write."""
    run = make_run({"pos": ["a", "b"], "other": ["a", "c"]})
    (tmp_path / "mine.csv").write_text(PREDICTIONS)
    (tmp_path / "ann.csv").write_text("item,choice\n")
    sheet = ("--system", "other", "--split", "test", "--output", tmp_path / "sheet")
    return {
        "run": ("run", "--model", tiny_suite, "--task", tiny_task, "--output", run),
        "judge": ("judge", run),
        "reparse": ("judge", run, "--reparse"),
        "import": ("import", tmp_path / "mine.csv", "--output", run),
        "export": ("human", "export", run, *sheet),
        "answers": ("human", "import", run, tmp_path / "ann.csv"),
    }


@pytest.mark.parametrize("name", ["run", "judge", "reparse", "import", "export", "answers"])
def test_the_second_writer_is_refused(name: str, commands, refused: Callable[..., str]) -> None:
    run = next(part for part in commands["judge"] if isinstance(part, Path))
    with another_writer(run) as other:
        before = content(run)
        line = refused(*commands[name])
        assert re.search(rf"run is being written by process {other} on \S+: wait until it ends", line)
        assert content(run) == before


def test_readers_do_not_wait(commands, gisteval, tmp_path: Path) -> None:
    run = commands["judge"][1]
    assert gisteval("judge", run).code == 0
    with another_writer(run):
        assert gisteval("report", run, "--output", tmp_path / "report").code == 0
        assert gisteval("compare", run, run, "--system", "other").code == 0


def test_the_lock_of_a_killed_process_is_free(commands, gisteval) -> None:
    run = commands["judge"][1]
    with another_writer(run):
        pass
    assert (run / ".lock").read_text().startswith("process ")
    assert gisteval("judge", run).code == 0
    assert (run / ".lock").read_text() == ""


def test_a_run_that_was_killed_before_its_manifest_goes_on(commands, gisteval, tmp_path: Path) -> None:
    *command, _ = commands["import"]
    run = tmp_path / "killed"
    with another_writer(run):
        (run / "manifest.json.new").write_text('{"identity": ')
    assert gisteval(*command, run).code == 0


def test_two_processes_at_once_leave_one_run(commands, tmp_path: Path) -> None:
    *command, _ = commands["import"]
    arguments = [sys.executable, "-m", "gisteval", *map(str, command), str(tmp_path / "both")]
    both = [subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for process in both:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0 or b"is being written by" in err, err
    lines = (tmp_path / "both" / "generations" / "mine.jsonl").read_text().splitlines()
    assert len(lines) == len(set(lines)) == 2
