"""What a report is made of: the results of one or more runs, read once."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gisteval.errors import GistevalError
from gisteval.judging.study import trusts
from gisteval.records.judge_figures import JudgingEntry
from gisteval.records.manifest import Manifest
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import ResultRow
from gisteval.report.doubts import Doubts, Place, doubts_of

PROFILE_VERSION = 2
"""Of the content of a profile, as `schema_version`: measured and swept ones of another are not read."""


@dataclass(frozen=True, slots=True)
class RunData:
    """One run: its results under names that are its own among all runs, and what must be said of them.

    names: a system's name in the run -> its name in the report. profile: the content of its profile.json.
    judging: the figures of its judges. doubts: where none of them may be relied on, and why.
    """

    name: str
    folder: RunFolder
    names: Mapping[str, str]
    rows: tuple[ResultRow, ...]
    notes: tuple[str, ...]
    profile: Mapping[str, Any] | None
    judging: tuple[JudgingEntry, ...] = ()
    doubts: Mapping[Place, str] = field(default_factory=dict)

    @property
    def manifest(self) -> Manifest:
        """The run's manifest."""
        return self.folder.manifest()


@dataclass(frozen=True, slots=True)
class ReportData:
    """Everything a report states, by run."""

    runs: tuple[RunData, ...]

    @property
    def rows(self) -> tuple[ResultRow, ...]:
        """The results of all runs."""
        return tuple(row for run in self.runs for row in run.rows)

    @property
    def judging(self) -> tuple[JudgingEntry, ...]:
        """The figures of the judges of all runs."""
        return tuple(entry for run in self.runs for entry in run.judging)

    @property
    def doubts(self) -> Doubts:
        """The judges that no conclusion may rest on, of all runs."""
        return Doubts({place: text for run in self.runs for place, text in run.doubts.items()})

    @property
    def notes(self) -> tuple[str, ...]:
        """What must be said of all runs, each once; with the run's name in front if there are several."""
        several = len(self.runs) > 1
        notes = (f"{run.name}: {note}" if several else note for run in self.runs for note in run.notes)
        return tuple(dict.fromkeys(notes))

    @property
    def title(self) -> str:
        """Tasks and splits."""
        tasks = dict.fromkeys(run.manifest.identity.task for run in self.runs)
        splits = dict.fromkeys(split for run in self.runs for split in run.manifest.splits)
        return f"{', '.join(tasks)}: {', '.join(splits)}"


def read_runs(folders: Sequence[RunFolder]) -> ReportData:
    """The results of finished runs. Raises GistevalError if one has none, or is damaged."""
    if not folders:
        raise GistevalError("no run to report on: give the --output of a run")
    names = [folder.path.resolve().name for folder in folders]
    used = Counter(name for folder in folders for name in {row.system for row in folder.results()})
    runs = []
    for name, folder in zip(names, folders, strict=True):
        rows = folder.results()
        # All of a run's or none: a family's controls stay beside its candidates.
        systems = dict.fromkeys(row.system for row in rows)
        taken = any(used[system] > 1 for system in systems)
        own = {system: f"{name}/{system}" if taken else system for system in systems}
        judging = folder.judging()
        known = trusts(folder, judging).values()
        runs.append(
            RunData(
                name=name,
                folder=folder,
                names=own,
                rows=tuple(_renamed(row, own) for row in rows),
                notes=folder.notes,
                profile=_profile(folder),
                judging=tuple(_renamed_entry(entry, own) for entry in judging),
                doubts=doubts_of(known, own, (system.name for system in folder.systems), folder.splits),
            )
        )
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise GistevalError(f"two runs are named {repeated[0]}: copy one under another name")
    return ReportData(tuple(runs))


def _renamed(row: ResultRow, names: Mapping[str, str]) -> ResultRow:
    reference = None if row.reference is None else names.get(row.reference, row.reference)
    negative = None if row.negative is None else names.get(row.negative, row.negative)
    return replace(row, system=names[row.system], reference=reference, negative=negative)


def _renamed_entry(entry: JudgingEntry, names: Mapping[str, str]) -> JudgingEntry:
    system, reference = (names.get(name, name) for name in (entry.system, entry.reference))
    return replace(entry, system=system, reference=reference)


def _profile(folder: RunFolder) -> Mapping[str, Any] | None:
    file = folder.path / "report" / "profile.json"
    if not file.is_file():
        return None
    try:
        found = dict(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError) as error:
        raise GistevalError(f"{file} is damaged: delete it, or profile again") from error
    if found.get("kind") in ("model", "what_if") and found.get("schema_version") != PROFILE_VERSION:
        raise GistevalError(f"{file} is of another version of gisteval: delete it, or profile again")
    return found
