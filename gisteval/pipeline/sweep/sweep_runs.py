"""Many runs from one file, each in its own folder, and one report on all of them: `gisteval sweep`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from gisteval.config import RunConfig
from gisteval.errors import UNEXPECTED, GistevalError, one_line
from gisteval.files.names import readable_name
from gisteval.logs import progress, unexpected_line
from gisteval.pipeline.judge.prepared import judge_options, prepare_judge
from gisteval.pipeline.run.evaluate import run
from gisteval.pipeline.run.plan import Plan, model_names, plan_run, run_identity
from gisteval.records.json_object import JsonObject
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import digest
from gisteval.records.store import only_writer, write_json
from gisteval.report.build import build_report

ENTRY_FILE = "entry.json"
"""The file in a run's folder that is written last. If it exists, the entry is finished."""

SPEED_ONLY = {"output", "batch_size", "device", "device_map", "data_dir"}
SPEED_ONLY |= {"executor", "ray_address", "num_workers", "gpus_per_worker", "allow_host"}
"""Configuration fields that change whether, where and how fast a run computes, but not its records."""

LONGEST_LABEL = 60

State = Literal["finished", "done", "failed"]


@dataclass(frozen=True)
class EntrySettings(JsonObject):
    """All that the results of a run depend on; judge is None where nothing is judged."""

    config: Mapping[str, object]
    identity: Mapping[str, object]
    judge: str | None


@dataclass(frozen=True, slots=True)
class Entry:
    """One run of a sweep, which has been checked.

    Attributes:
        number: Its place in the file.
        config: Its configuration. `config.output` is its folder.
        folder: Its folder.
        settings: What the digest in the folder's name is made of.
    """

    number: int
    config: RunConfig
    folder: Path
    settings: EntrySettings

    @property
    def finished(self) -> bool:
        """True once its run has succeeded."""
        return (self.folder / ENTRY_FILE).is_file() and (self.folder / "results.json").is_file()


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of an entry.

    Attributes:
        number: Its place in the file.
        name: Its name.
        folder: Folder of its run. None if it failed before it had one.
        state: "finished" (before this command), "done" (by this command) or "failed".
        error: Why it failed, or None.
        exit_code: The exit code of that error, or 0.
    """

    number: int
    name: str
    folder: Path | None
    state: State
    error: str | None = None
    exit_code: int = 0

    def to_json(self) -> dict[str, object]:
        """Return the outcome as plain values."""
        folder = None if self.folder is None else str(self.folder)
        return {"entry": self.name, "folder": folder, "state": self.state, "error": self.error}


@dataclass(frozen=True, slots=True)
class SweepShard:
    """A part of a sweep: every `count`-th entry from number `index` on, counted from 1."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> SweepShard:
        """Read text such as `2/8`.

        Raises:
            GistevalError: It is anything else.
        """
        first, _, second = text.partition("/")
        if not (first.isdecimal() and second.isdecimal() and 1 <= int(first) <= int(second)):
            raise GistevalError(f"--shard must be I/N with 1 <= I <= N, such as 2/8, not {text!r}")
        return cls(int(first), int(second))

    def of(self, configs: Sequence[RunConfig]) -> Sequence[RunConfig]:
        """Return the entries of this part."""
        return configs[self.index - 1 :: self.count]


def check_entries(configs: Sequence[RunConfig], folder: Path) -> Iterator[tuple[Entry, Plan] | Outcome]:
    """Check all entries of a sweep.

    Yields:
        Each entry with its plan, or the error that its run would begin with. An entry that occurs twice
        is yielded once.
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
    """Run the unfinished entries one after the other.

    All entries are checked before the first one starts. If an entry fails, the others still run, and the
    next sweep continues it from its last record.

    Args:
        configs: The entries.
        folder: Folder of the sweep.
        command: The command line, for the manifests.

    Yields:
        The outcome of an entry as soon as it is known.
    """
    waiting: list[Entry] = []
    for checked in check_entries(configs, folder):
        if isinstance(checked, Outcome):
            yield checked
            continue
        entry, _ = checked  # its run makes a new plan, since all plans at once would fill the memory
        if entry.finished:
            yield Outcome(entry.number, entry.folder.name, entry.folder, "finished")
        else:
            waiting.append(entry)
    for place, entry in enumerate(waiting, 1):
        progress.info("entry %d of %d: %s", place, len(waiting), entry.folder.name)
        yield _run_entry(entry, command)


def report_sweep(outcomes: Sequence[Outcome], folder: Path) -> Path | None:
    """Write one report on the finished runs.

    Returns:
        The report's page, or None if no run has finished.

    Raises:
        GistevalError: The folder of a run was damaged after it had finished.
    """
    finished = [outcome.folder for outcome in outcomes if outcome.state != "failed" and outcome.folder]
    if not finished:
        return None
    with only_writer(folder):
        return build_report([RunFolder.open(path) for path in finished], folder / "report")


def label(config: RunConfig) -> str:
    """Return a readable name of models, k, compressors, splits and seed, which need not be unique."""
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
    """Name a run's folder by a digest of everything that its results depend on."""
    config = plan.config
    judge = None if config.judge == "none" else prepare_judge(judge_options(config)).identity
    fields = {name: value for name, value in config.to_json().items() if name not in SPEED_ONLY}
    settings = EntrySettings(fields, run_identity(plan).to_json(), judge)
    key = digest([json.dumps(settings.to_json(), sort_keys=True)])[:12]
    path = folder / f"{label(config)}-{key}"
    return Entry(number, replace(config, output=str(path)), path, settings)


def _run_entry(entry: Entry, command: Sequence[str]) -> Outcome:
    name = entry.folder.name
    try:
        run(entry.config, command)
        write_json(entry.folder / ENTRY_FILE, entry.settings.to_json())
    except Exception as error:
        # An unexpected error must not cost the other entries, which may take all night.
        return _failed(entry.number, name, entry.folder, error)
    return Outcome(entry.number, name, entry.folder, "done")


def _failed(number: int, name: str, folder: Path | None, error: Exception) -> Outcome:
    if isinstance(error, GistevalError):
        line, code = one_line(error, longest=sys.maxsize), error.exit_code
    else:
        line, code = unexpected_line(error, f"gisteval sweep, entry {name}"), UNEXPECTED
    return Outcome(number, name, folder, "failed", line, code)
