"""Runs that are stopped in the middle: by Ctrl-C, by kill -9, by a full disk. Nothing is lost."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gisteval.records import store

EXAMPLES = [(f"say {'cats ' * (n % 7)}{n}", "dogs" * (n % 3), f"yes {n}") for n in range(24)]


def count_lines(run: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in (run / "generations").glob("*.jsonl"))


def start(arguments: list[object], run: Path, more: int) -> Iterator[subprocess.Popen[str]]:
    """Start a real process and hand it over once it has written `more` records."""
    wanted = count_lines(run) + more
    with subprocess.Popen(
        [sys.executable, "-m", "gisteval", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        while count_lines(run) < wanted:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.005)
        yield process


@pytest.fixture(scope="module")
def arguments(tiny_suite, tmp_path_factory, write_task) -> list[object]:
    """A command of 3 systems with 24 examples each, answered one by one; --output is missing."""
    task = write_task(tmp_path_factory.mktemp("long") / "task", EXAMPLES)
    return ["run", "--model", tiny_suite / "gist-3", "--task", task, "--batch-size", "1"]


@pytest.fixture(scope="module")
def whole(arguments, tmp_path_factory) -> Path:
    """The run that was never stopped."""
    import gisteval

    run = tmp_path_factory.mktemp("whole") / "run"
    options = dict(zip(("model", "task", "batch_size"), arguments[2::2], strict=True))
    gisteval.run(output=run, **options)
    return run


def test_stopped_twice_and_resumed_is_the_run_that_was_never_stopped(
    arguments, whole: Path, tmp_path: Path, gisteval, records, results
) -> None:
    run = tmp_path / "run"
    command = [*arguments, "--output", run]

    for process in start(command, run, more=10):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "gisteval: interrupted; the same command goes on from here"
    assert (run / "log.txt").read_text().splitlines()[-1].endswith(" interrupted")
    assert json.loads((run / "manifest.json").read_text())["splits"] == {"test": 24}
    after_first = count_lines(run)
    assert 10 <= after_first < 72

    for process in start(command, run, more=20):
        process.kill()
        process.wait()
    assert after_first < count_lines(run) < 72
    assert not (run / "results.json").exists()

    last = max((run / "generations").glob("*.jsonl"), key=lambda file: file.stat().st_mtime_ns)
    with last.open("ab") as stream:
        stream.write(b'{"bytes": 384, "compressor": "gi')
    outcome = gisteval(*command)
    assert outcome.code == 0, outcome.err
    assert records(run) == records(whole)
    assert results(run) == results(whole)
    lines = (run / "log.txt").read_text().splitlines()
    assert sum("(gisteval " in line for line in lines) == 3, "each start adds to the log"
    assert lines[-1].endswith(f"finished: {run}")


def test_a_full_disk_loses_nothing(
    arguments, whole: Path, tmp_path: Path, gisteval, refused, records, monkeypatch
) -> None:
    run = tmp_path / "run"
    command = [*arguments, "--output", run]
    written = 0

    def fail_after_40(self, lines, real=store.RecordWriter.write):
        nonlocal written
        written += len(lines)
        if written > 40:
            self._stream.close()
            self._stream = open("/dev/full", "ab")  # noqa: SIM115
        real(self, lines)

    with monkeypatch.context() as patch:
        patch.setattr(store.RecordWriter, "write", fail_after_40)
        line = refused(*command)
    assert "no disk space left for" in line and "run the same command again" in line
    assert count_lines(run) == 40
    assert gisteval(*command).code == 0
    assert records(run) == records(whole)


def test_a_full_disk_at_the_end_keeps_records_and_old_results(
    arguments, whole: Path, tmp_path: Path, gisteval, refused, results, monkeypatch
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    before = results(run)
    real = os.replace

    def full(source: Path, target: Path) -> None:
        if Path(target).name == "results.json":
            raise OSError(errno.ENOSPC, "No space left on device")
        real(source, target)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        assert "no disk space left for" in refused(*arguments, "--output", run)
    assert results(run) == before
    assert gisteval(*arguments, "--output", run).code == 0
    assert results(run) == before


def test_a_damaged_record_is_named_and_the_rest_is_kept(
    arguments, whole: Path, tmp_path: Path, gisteval, refused, records
) -> None:
    run = tmp_path / "run"
    shutil.copytree(whole, run)
    file = sorted((run / "generations").glob("*.jsonl"))[0]
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join([*lines[:4], lines[4][:30] + "\n", *lines[5:]]))
    line = refused(*arguments, "--output", run)
    assert f"{file}, line 5 is damaged: delete that line and run again" in line
    file.write_text("".join(lines[:4] + lines[5:]))
    assert gisteval(*arguments, "--output", run).code == 0
    assert records(run) == records(whole)
