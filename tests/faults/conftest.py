"""Commands in processes that are killed: at a moment of their own time, or amid one of their writes."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Literal

import pytest

from gisteval.records import store

Step = Callable[[], None]


@dataclass(frozen=True)
class Moment:
    """After so many seconds of the process's own time, wherever it is then."""

    seconds: float


@dataclass(frozen=True)
class Amid:
    """At one write of records, or replacement of a file: before it, with half of it done, or after it."""

    step: int
    how: Literal["before", "torn", "after"]


@contextmanager
def each_step(do: Callable[[Step, Step], None]) -> Iterator[None]:
    """Every write and replacement calls do(whole, torn), which decides what becomes of it."""
    real_write, real_replace = store.RecordWriter.write, os.replace

    def write(self, records) -> None:
        kept = list(records)

        def torn() -> None:
            line = b"".join(map(store._encoded, kept))
            self._stream.write(line[: len(line) // 2])
            self._stream.flush()

        do(lambda: real_write(self, kept), torn)

    def replace(source, target) -> None:
        size = os.stat(source).st_size
        do(lambda: real_replace(source, target), lambda: os.truncate(source, size // 2))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store.RecordWriter, "write", write)
        patch.setattr(os, "replace", replace)
        yield


@dataclass(frozen=True)
class Victim:
    """One command, and what it takes when nobody kills it: seconds of its own time, and steps."""

    arguments: Sequence[str]
    seconds: float
    steps: int

    def points(self, number: int, seed: int) -> list[Moment | Amid]:
        """So many seeded points to kill it at, half of each kind."""
        draw = Random(seed)
        moments = [Moment(draw.uniform(0, self.seconds)) for _ in range(number - number // 2)]
        steps = [
            Amid(draw.randrange(self.steps), draw.choice(("before", "torn", "after")))
            for _ in range(number // 2)
        ]
        return [*moments, *steps]

    def killed(self, output: Sequence[object], point: Moment | Amid) -> bool:
        """Start it in a process of its own and kill that; False if it had ended before."""
        pid = _start([*self.arguments, *map(str, output)], _killing(point))
        status, _ = _end(pid, point)
        if os.WIFSIGNALED(status):
            assert os.WTERMSIG(status) == signal.SIGKILL
            return True
        assert os.WEXITSTATUS(status) == 0
        return False


def _start(arguments: Sequence[str], do: Callable[[Step, Step], None]) -> int:
    """A fork of this process, which has all modules loaded, as the command line; the process's id."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115
        sys.argv = ["gisteval", *arguments]
        from gisteval.cli.app import main

        with each_step(do):
            main()
    except SystemExit as ended:
        code = int(ended.code or 0)
    finally:
        os._exit(code)


def _killing(point: Moment | Amid) -> Callable[[Step, Step], None]:
    numbers = count()

    def do(whole: Step, torn: Step) -> None:
        if isinstance(point, Amid) and next(numbers) == point.step:
            {"before": lambda: None, "torn": torn, "after": whole}[point.how]()
            os.kill(os.getpid(), signal.SIGKILL)
        whole()

    return do


def _end(pid: int, point: Moment | Amid | None) -> tuple[int, float]:
    """Wait for a process, and kill it when its moment has come: its status, and seconds of its own."""
    if isinstance(point, Moment):
        clock = (~pid << 3) | 2  # a process's CPU time, as clock_getcpuclockid(3) makes it
        while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            if time.clock_gettime(clock) >= point.seconds:
                os.kill(pid, signal.SIGKILL)
                break
            time.sleep(0.001)
    _, status, usage = os.wait4(pid, 0)
    return status, usage.ru_utime + usage.ru_stime


@pytest.fixture(scope="session")
def state() -> Callable[[Path], dict[str, Any]]:
    """All of a run that must be as if nothing had ever happened to it."""

    def read(run: Path) -> dict[str, Any]:
        found: dict[str, Any] = {
            str(file.relative_to(run)): sorted(file.read_text(encoding="utf-8").splitlines())
            for folder in ("examples", "generations", "verdicts")
            for file in (run / folder).glob("*.jsonl")
        }
        found["results"] = json.loads((run / "results.json").read_text(encoding="utf-8"))
        found["manifest"] = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
        del found["manifest"]["command"]  # says where it was written, as the next
        found["manifest"].get("config", {}).pop("output", None)
        found["half-written"] = [file.name for file in run.rglob("*.new")]
        return found

    return read


@pytest.fixture(scope="session")
def victim(tmp_path_factory) -> Callable[..., Victim]:
    """Measures a command by running it to its end: victim(arguments, ["--output", run])."""

    def measure(arguments: Sequence[object], output: Sequence[object]) -> Victim:
        tally = tmp_path_factory.mktemp("tally") / "steps"

        def do(whole: Step, torn: Step) -> None:
            with tally.open("a") as stream:
                stream.write(".")
            whole()

        texts = [str(argument) for argument in arguments]
        status, seconds = _end(_start([*texts, *map(str, output)], do), None)
        assert status == 0
        return Victim(texts, seconds, tally.stat().st_size)

    return measure
