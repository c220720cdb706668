"""Exit codes of real processes: one a kind of end, and none of a gate's verdicts for a crash."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

CRASH = """
import sys
import gisteval.{module}
def crash(*arguments, **options):
    raise {error}
gisteval.{module}.{name} = crash
from gisteval.cli.app import main
main()
"""
"""A fault put into a process that is otherwise the command."""


def command(*arguments: object, code: str | None = None, **options) -> subprocess.CompletedProcess[str]:
    start = ["-m", "gisteval"] if code is None else ["-c", code]
    return subprocess.run(
        [sys.executable, *start, *map(str, arguments)],
        text=True,
        capture_output=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        **options,
    )


def broken(module: str, name: str, error: str) -> str:
    return CRASH.format(module=module, name=name, error=error)


def last_line(done: subprocess.CompletedProcess[str]) -> str:
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


@pytest.mark.parametrize(("what", "code"), [("tasks", 0), ("nothing", 2)])
def test_done_and_wrong_usage(what: str, code: int) -> None:
    done = command("ls", what)
    assert done.returncode == code
    assert done.stderr.count("\n") == (code != 0)


@pytest.mark.parametrize("arguments", [["nonsense"], ["run", "--limit", "many"], ["score"]], ids=" ".join)
def test_wrong_usage_is_one_line(gisteval, arguments: list[str]) -> None:
    outcome = gisteval(*arguments)
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)


def test_verdicts_of_a_gate(make_run, gisteval) -> None:
    """PASS, FAIL and INCONCLUSIVE on runs whose outputs equal their references, or never do."""
    right = [f"ref {n}" for n in range(60)]
    wrong = ["nothing of it"] * 60
    good = make_run({"pos": right, "gist-1": right}, "good")
    bad = make_run({"pos": right, "gist-1": wrong}, "bad")
    few = make_run({"pos": right[:3], "gist-1": right[:3]}, "few")
    asked = ["--baseline", good, "--metric", "rougeL"]
    assert command("gate", bad, *asked).returncode == 1
    assert gisteval("gate", good, *asked).code == 0
    assert gisteval("gate", few, "--baseline", few, "--metric", "rougeL").code == 3


def test_an_invalid_run_is_4(make_run) -> None:
    run = make_run({"pos": ["a", "b"], "gist-1": ["a", "b"]})
    file = run / "examples" / "test.jsonl"
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:1]))
    done = command("gate", run, "--baseline", run)
    assert done.returncode == 4
    assert last_line(done).startswith("gisteval: ")


def test_a_crash_is_70_and_leaves_its_traceback_in_a_file(tmp_path: Path) -> None:
    code = broken("pipeline.score_files", "score_file", "ZeroDivisionError('by zero')")
    done = command("score", "file.csv", code=code, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (70, "")
    assert "gisteval score file.csv" in traceback_of(last_line(done))


@pytest.mark.parametrize(
    "error", [SystemExit(1), SystemExit(3), SystemExit("no"), RecursionError(), BaseException("a panic")]
)
def test_whatever_ends_a_command_is_no_verdict(gisteval, monkeypatch, error: BaseException) -> None:
    def crash(*arguments: object) -> None:
        raise error

    monkeypatch.setattr("gisteval.pipeline.score_files.score_file", crash)
    outcome = gisteval("score", "file.csv")
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (70, "", 1)
    assert type(error).__name__ in traceback_of(outcome.err)


def traceback_of(line: str) -> str:
    """What stands in the file that the line of a crash names; it is removed."""
    assert "this is a bug in gisteval" in line and "please report it" in line
    file = Path(re.search(r"its traceback is in (\S+):", line)[1])
    text = file.read_text()
    file.unlink()
    assert ", in crash" in text
    return text


def test_a_crash_of_a_run_stands_in_its_log(tmp_path: Path, tiny_suite: Path, tiny_task: Path) -> None:
    arguments = ["run", "--model", tiny_suite / "gist-1", "--task", tiny_task, "--judge", "none"]
    arguments += ["--output", tmp_path / "run"]
    done = command(
        *arguments, code=broken("pipeline.run.evaluate", "score", "IndexError('index 3 is out of range')")
    )
    assert (done.returncode, done.stdout) == (70, "")
    log = tmp_path / "run" / "log.txt"
    assert last_line(done) == (
        "gisteval: IndexError: index 3 is out of range (this is a bug in gisteval, and its traceback is in "
        f"{log}: please report it to the project with that file and the command)"
    )
    assert "in crash\nIndexError: index 3 is out of range" in log.read_text()


def test_an_entry_of_a_sweep_that_crashes_is_70_and_costs_no_other(
    tmp_path: Path, tiny_suite: Path, tiny_task: Path, gisteval, monkeypatch
) -> None:
    from gisteval.pipeline.run import evaluate as run

    def crash(plan, *others, real=run._evaluate):
        if plan.config.models[0].endswith("gist-3"):
            raise IndexError("no 3")
        return real(plan, *others)

    monkeypatch.setattr(run, "_evaluate", crash)
    entries = "".join(f"  - {{model: {tiny_suite / name}}}\n" for name in ("gist-1", "gist-3"))
    common = f"common: {{task: {tiny_task}, judge: none, limit: 1}}\n"
    (tmp_path / "s.yaml").write_text(f"{common}entries:\n{entries}")
    outcome = gisteval("sweep", tmp_path / "s.yaml", "--output", tmp_path / "out")
    assert (outcome.code, outcome.err.count("\n")) == (70, 2)
    assert "entries: 1 finished, 1 failed" in outcome.out
    logs = [file for file in (tmp_path / "out").glob("*/log.txt") if "IndexError: no 3" in file.read_text()]
    assert len(logs) == 1
    assert f"this is a bug in gisteval, and its traceback is in {logs[0]}" in outcome.err


def test_a_reader_that_went_away_is_141_and_quiet() -> None:
    """Not 1: behind a gate that would read as FAIL."""
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "gisteval", "ls", "tasks"],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_nobody_reads_stderr_either(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with open(write, "w") as pipe:
        done = subprocess.run(
            [sys.executable, "-m", "gisteval", "ls", "nothing"],
            stdout=pipe,
            stderr=pipe,
            check=False,
        )
    assert done.returncode == 2
