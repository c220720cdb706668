"""`gisteval sweep`: many runs from one file, each in a folder of its own, and one report of them all."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from gisteval.config import RunConfig
from gisteval.errors import UNEXPECTED, GistevalError, one_line
from gisteval.files.names import readable_name
from gisteval.logs import progress, unexpected_line
from gisteval.pipeline.judge.prepared import judge_options, prepare_judge
from gisteval.pipeline.run.evaluate import run
from gisteval.pipeline.run.plan import Plan, model_names, plan_run, run_identity
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import digest
from gisteval.records.store import only_writer, write_json
from gisteval.report.build import build_report

ENTRY_FILE = "entry.json"
"""In a run's folder, written last: its presence means that the entry is finished."""

SPEED_ONLY = {"output", "batch_size", "device", "device_map", "data_dir"}
SPEED_ONLY |= {"executor", "ray_address", "num_workers", "gpus_per_worker"}
"""Fields of a configuration that change where and how fast a run computes, never its records."""

LONGEST_LABEL = 60

State = Literal["finished", "done", "failed"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of a sweep, checked. number: its place in the file; config.output is its folder.

    settings: what its digest is made of.
    """

    number: int
    config: RunConfig
    folder: Path
    settings: dict[str, Any]

    @property
    def finished(self) -> bool:
        """True once its run has ended well."""
        return (self.folder / ENTRY_FILE).is_file() and (self.folder / "results.json").is_file()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an entry stands: finished before, done now, or failed with an error and its exit code.

    number: its place in the file. folder: None if it failed before it had one.
    """

    number: int
    name: str
    folder: Path | None
    state: State
    error: str | None = None
    exit_code: int = 0

    def to_json(self) -> dict[str, object]:
        """Plain form."""
        folder = None if self.folder is None else str(self.folder)
        return {"entry": self.name, "folder": folder, "state": self.state, "error": self.error}


@dataclass(frozen=True, slots=True)
class Shard:
    """Every `count`-th entry, beginning with number `index` (from 1)."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> Shard:
        """`2/8`. Raises GistevalError for anything else."""
        first, _, second = text.partition("/")
        if not (first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
            raise GistevalError(f"--shard must be I/N with 1 <= I <= N, such as 2/8, not {text!r}")
        return cls(int(first), int(second))

    def of(self, configs: Sequence[RunConfig]) -> Sequence[RunConfig]:
        """The entries of this shard."""
        return configs[self.index - 1 :: self.count]


def check_entries(configs: Sequence[RunConfig], folder: Path) -> Iterator[tuple[Entry, Plan] | Outcome]:
    """Each configuration as an entry with its plan, or as the failure that its run would begin with.

    The same entry given twice comes once.
    """
    seen: set[Path] = set()
    for number, config in enumerate(configs):
        try:
            plan = plan_run(config)
            entry = _entry(number, plan, folder)
        except GistevalError as error:
            yield _failed(number, label(config), None, error)
            continue
        if entry.folder not in seen:
            seen.add(entry.folder)
            yield entry, plan


def run_sweep(configs: Sequence[RunConfig], folder: Path, command: Sequence[str] = ()) -> Iterator[Outcome]:
    """Run what is not finished, one entry after the other; each outcome is yielded as soon as it stands.

    All entries are checked before the first starts, so what can't run is known at once. An entry that
    fails loses no other one, and goes on from where it was the next time.
    """
    waiting: list[Entry] = []
    for checked in check_entries(configs, folder):
        if isinstance(checked, Outcome):
            yield checked
            continue
        entry, _ = checked  # its run plans anew: to wait with all examples would take memory
        if entry.finished:
            yield Outcome(entry.number, entry.folder.name, entry.folder, "finished")
        else:
            waiting.append(entry)
    for place, entry in enumerate(waiting, 1):
        progress.info("entry %d of %d: %s", place, len(waiting), entry.folder.name)
        yield _run_entry(entry, command)


def report_sweep(outcomes: Sequence[Outcome], folder: Path) -> Path | None:
    """One report over the finished runs, in the order given; None if there is none.

    Raises GistevalError if a run's folder was damaged since.
    """
    found = [outcome.folder for outcome in outcomes if outcome.state != "failed" and outcome.folder]
    if not found:
        return None
    with only_writer(folder):
        return build_report([RunFolder.open(path) for path in found], folder / "report")


def label(config: RunConfig) -> str:
    """A readable name: models, k, compressors, splits and seed; not unique."""
    parts = [
        model_names(config),
        None if config.k is None else f"k{config.k}",
        "+".join(config.compressors),
        "+".join(config.budgets),
        Path(config.task).stem,
        "+".join(config.splits),
        f"s{config.seed}",
    ]
    return readable_name("-".join(str(part) for part in parts if part))[:LONGEST_LABEL]


def _entry(number: int, plan: Plan, folder: Path) -> Entry:
    """Name a run's folder by a digest of all that its results rest on."""
    config = plan.config
    judge = None if config.judge == "none" else prepare_judge(judge_options(config)).identity
    settings = {
        "config": {name: value for name, value in config.to_json().items() if name not in SPEED_ONLY},
        "identity": run_identity(plan).to_json(),
        "judge": judge,
    }
    key = digest([json.dumps(settings, sort_keys=True)])[:12]
    path = folder / f"{label(config)}-{key}"
    return Entry(number, replace(config, output=str(path)), path, settings)


def _run_entry(entry: Entry, command: Sequence[str]) -> Outcome:
    name = entry.folder.name
    try:
        run(entry.config, command)
        write_json(entry.folder / ENTRY_FILE, entry.settings)
    except Exception as error:
        # A fault that nobody foresaw must not cost the other entries, which may be a night's work.
        return _failed(entry.number, name, entry.folder, error)
    return Outcome(entry.number, name, entry.folder, "done")


def _failed(number: int, name: str, folder: Path | None, error: Exception) -> Outcome:
    said, code = one_line(error, longest=sys.maxsize), UNEXPECTED
    if isinstance(error, GistevalError):
        code = error.exit_code
    else:
        said = unexpected_line(error, f"gisteval sweep, entry {name}")
    return Outcome(number, name, folder, "failed", said, code)
