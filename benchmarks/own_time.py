"""Where the processor time of a run goes: the model's own work, and everything around it.

    python benchmarks/own_time.py [SUITE] [--task TASK] [--split SPLITS] [--limit N] [--keep FOLDER]

Runs `gisteval run` on a suite in this process and charges its processor time to what is at work: the
model (compress, loss and generate), loading, the rest of the self-check, scoring, judging, the report and
the rest. Then `gisteval report` on the finished run, and `gisteval --help`, each in a process of its own,
its start included. Prints one JSON object: shares of the run's processor time, and seconds. Processor time
has no waiting in it, but it grows where a machine is busy with other work. Set OMP_NUM_THREADS=1.
--keep: leave the run in this folder.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

MODEL = "model"

CALLS = (
    ("gisteval.models.running.decoder.DecoderModel", "encode", MODEL),
    ("gisteval.models.running.decoder_continuation.DecoderContinuation", "__init__", MODEL),
    ("gisteval.models.running.continuation.Continuation", "nll", MODEL),
    ("gisteval.models.running.continuation.Continuation", "decode", MODEL),
    ("gisteval.pipeline.run.evaluate", "plan_run", "plan"),
    ("gisteval.executors.local", "load_placed", "loading"),
    ("gisteval.executors.local", "self_check", "self-check"),
    ("gisteval.pipeline.run.evaluate", "score", "scoring"),
    ("gisteval.pipeline.run.evaluate", "judge_missing", "judging"),
    ("gisteval.pipeline.run.evaluate", "update_judging", "judging"),
    ("gisteval.pipeline.run.evaluate", "build_report", "report"),
)
"""A module or class, its function, and what that function's time is charged to."""


class Ledger:
    """Time by what is at work. The innermost of the calls that are timed is charged.

    Attributes:
        seconds: The time charged so far, by name.
    """

    def __init__(self, rest: str, clock: Callable[[], float] = time.process_time) -> None:
        """Begin to charge `rest`, which stands for everything that no call is timed of."""
        self.seconds: dict[str, float] = {rest: 0.0}
        self._names, self._clock, self._since = [rest], clock, clock()

    def timed(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        """The same call, whose time is charged to a name. Within the model's time, nothing else is."""

        def charged(*arguments: Any, **options: Any) -> Any:
            self._charge()
            self._names.append(MODEL if self._names[-1] == MODEL else name)
            try:
                return call(*arguments, **options)
            finally:
                self._charge()
                self._names.pop()

        return charged

    def shares(self) -> dict[str, float]:
        """Shares of all time up to now, by name."""
        self._charge()
        total = sum(self.seconds.values())
        return {name: round(seconds / total, 3) for name, seconds in self.seconds.items()}

    def _charge(self) -> None:
        now = self._clock()
        name = self._names[-1]
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._since
        self._since = now


def owner_of(path: str) -> Any:
    """A module, or a class in one, by its path."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError:
        module, _, name = path.rpartition(".")
        return getattr(importlib.import_module(module), name)


def run_shares(config: Any, clock: Callable[[], float] = time.process_time) -> dict[str, Any]:
    """Shares of a run by what is at work. The functions stay wrapped, so this is for one run a process."""
    from gisteval.pipeline.run.evaluate import run

    ledger = Ledger("rest", clock)
    for owner, function, name in CALLS:
        place = owner_of(owner)
        setattr(place, function, ledger.timed(name, getattr(place, function)))
    run(config)
    shares = ledger.shares()
    return {
        "outside_model": round(1 - shares[MODEL], 3),
        "shares": shares,
        "seconds": round(sum(ledger.seconds.values()), 1),
    }


def command_seconds(*arguments: object) -> float:
    """Processor time of a command in a process of its own, its start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "gisteval", *map(str, arguments)], check=True, stdout=subprocess.DEVNULL
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2)


def main() -> None:
    """Measure and print."""
    from gisteval.config import RunConfig

    parser = argparse.ArgumentParser()
    parser.add_argument("suite", nargs="?", default="checkpoints/wordplay-llama")
    parser.add_argument("--task", default="wordplay")
    parser.add_argument("--split", default="")
    parser.add_argument("--limit", type=int, default=None)
    parser.add_argument("--keep", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch) / "run"
        splits = tuple(filter(None, options.split.split(",")))
        config = RunConfig(
            models=(options.suite,),
            task=options.task,
            splits=splits,
            limit=options.limit,
            output=str(folder),
        )
        found = run_shares(config)
        found["report_seconds"] = command_seconds("report", folder)
        found["help_seconds"] = command_seconds("--help")
    print(json.dumps({"suite": options.suite, **found}, indent=1))


if __name__ == "__main__":
    main()
