"""What is said while a command works: on stderr without a terminal, and in the run's log."""

from __future__ import annotations

import io
import json
import logging
import sys
from pathlib import Path

import pytest

from gisteval.cli.output import print_json, print_text
from gisteval.errors import GistevalError
from gisteval.logs import LOG_FILE, log_only, progress, progress_on_stderr, run_log, traceback_file
from gisteval.pipeline.progress import Work


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_lines_on_stderr_and_in_the_log(tmp_path: Path, capsys) -> None:
    with progress_on_stderr(), run_log(tmp_path):
        progress.info("loading %s", "a model")
        log_only.info("only in the log")
        logging.getLogger("another.library").warning("heard as\nwell")
    progress.info("said to nobody")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "[ 0:00] loading a model\n")
    lines = (tmp_path / LOG_FILE).read_text().splitlines()
    assert [line[20:] for line in lines] == ["loading a model", "only in the log", "heard as well"]


def test_a_terminal_has_bars_instead(tmp_path: Path, monkeypatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress_on_stderr(), run_log(tmp_path):
        progress.info("loading")
    assert terminal.getvalue() == ""
    assert "loading" in (tmp_path / LOG_FILE).read_text()


@pytest.mark.parametrize(
    ("error", "ends", "marked"),
    [
        (GistevalError("what is wrong:\n what to do"), "stopped: what is wrong: what to do", False),
        (KeyboardInterrupt(), "interrupted", False),
        (ZeroDivisionError("by zero"), "ZeroDivisionError: by zero", True),
    ],
)
def test_what_ended_a_run_stands_last(tmp_path, error: BaseException, ends: str, marked: bool) -> None:
    with pytest.raises(type(error)), run_log(tmp_path):
        raise error
    assert (tmp_path / LOG_FILE).read_text().splitlines()[-1].endswith(ends)
    assert traceback_file(error) == (tmp_path / LOG_FILE if marked else None)


def test_a_log_that_cant_be_written_costs_no_run(tmp_path: Path) -> None:
    with run_log(tmp_path / "absent"):
        progress.info("going on")


class Bar:
    """As much of rich's bar as Work uses."""

    def add_task(self, name: str, total: int | None, completed: int) -> int:
        return 0

    def advance(self, task: int, steps: int) -> None:
        pass


def test_a_line_now_and_then_and_one_at_the_end(caplog, monkeypatch) -> None:
    now = [0.0]
    monkeypatch.setattr("gisteval.pipeline.progress.time.monotonic", lambda: now[0])
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    progress.addHandler(handler)
    try:
        work = Work(Bar(), every=15.0)
        task = work.begin("gist-1 on seen", total=1000, done=10)
        for _ in range(99):
            now[0] += 1.0
            work.advance(task, 10)
    finally:
        progress.removeHandler(handler)
    assert said == [
        *(f"gist-1 on seen: {10 + 10 * second} of 1,000" for second in range(15, 99, 15)),
        "gist-1 on seen: 1,000 of 1,000, done",
    ]


def test_every_phase_of_a_run_is_said(gisteval, tiny_suite: Path, tiny_task: Path, tmp_path: Path) -> None:
    arguments = ("--task", tiny_task, "--limit", 3, "--output", tmp_path / "run")
    outcome = gisteval("run", "--model", tiny_suite / "gist-1", *arguments)
    assert outcome.code == 0, outcome.err
    text = "\n".join(outcome.progress)
    for phase in (
        "checking the task and the checkpoints",
        f"loading {tiny_suite / 'gist-1'}",
        "tiny-gist-1: self-check",
        "tiny-gist-1 on test: 3 of 3, done",
        "scoring",
        "asking judge reference",
        "writing the report",
        f"finished: {tmp_path / 'run'}",
    ):
        assert phase in text
    assert "[" not in outcome.out.splitlines()[0]
    log = (tmp_path / "run" / "log.txt").read_text()
    for line in outcome.progress[1:]:  # the first is said before there is a folder
        assert line.partition("] ")[2] in log
    for line in outcome.err.splitlines():
        assert line in log


def test_no_name_steers_a_terminal(tmp_path: Path, capsys) -> None:
    """In lines on stderr, warnings, the log, and what commands print; JSON keeps it, escaped."""
    hostile = "a\x1b[2Jb\x9b31m\x07\rc"
    with progress_on_stderr(), run_log(tmp_path), pytest.raises(ValueError):
        progress.info("reading %s", hostile)
        logging.getLogger("another.library").warning("%s", hostile)
        raise ValueError(hostile)
    print_text(f"{hostile}\nsecond")
    print_json({"name": hostile})
    captured = capsys.readouterr()
    for said in (captured.out, captured.err, (tmp_path / LOG_FILE).read_text(encoding="utf-8")):
        assert "a [2Jb" in said
        assert all(letter.isprintable() or letter == "\n" for letter in said), said
    name = json.loads(captured.out.split("second\n", 1)[1])["name"]
    assert name == hostile
