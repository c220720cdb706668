"""The data of a report: the results of one or more runs, read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from gisteval.errors import GistevalError
from gisteval.judging.study import trusts
from gisteval.metrics import Metric, leading_metric
from gisteval.records.diagnosis import Diagnosis, read_diagnosis
from gisteval.records.judge_figures import JudgingEntry
from gisteval.records.manifest import Manifest
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import ResultRow
from gisteval.records.shape_facts import Profile, read_profile
from gisteval.report.coverage import coverage_text, read_coverage
from gisteval.report.doubts import Doubts, Place, doubts_of
from gisteval.report.in_use import InUse, in_use
from gisteval.scores.facts import run_metrics


@dataclass(frozen=True, slots=True)
class RunData:
    """One run, with names of systems that are unique among all runs of the report.

    Attributes:
        name: The run's name.
        folder: The run's folder.
        names: The name of each system in the report, by its name in the run.
        rows: The result rows, under the names of the report.
        notes: What a reader must know about the results.
        profile: The content of its profile.json, if it has one.
        judging: The figures of its judges.
        doubts: Why a judge can't be relied on, by judge, system and split.
        in_use: What a prompt takes each time that it is used, by system and split.
        coverage: How often its intervals cover the truth, in sentences; empty if that was not simulated.
        diagnosis: What `gisteval diagnose` found, if it was asked.
    """

    name: str
    folder: RunFolder
    names: Mapping[str, str]
    rows: tuple[ResultRow, ...]
    notes: tuple[str, ...]
    profile: Profile | None
    judging: tuple[JudgingEntry, ...] = ()
    doubts: Mapping[Place, str] = field(default_factory=dict)
    in_use: Mapping[tuple[str, str], InUse] = field(default_factory=dict)
    coverage: str = ""
    diagnosis: Diagnosis | None = None

    @property
    def manifest(self) -> Manifest:
        """The run's manifest."""
        return self.folder.manifest()

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """The run's metrics, in the order of its rows."""
        return run_metrics(self.folder)


@dataclass(frozen=True, slots=True)
class ReportData:
    """All data of a report.

    Attributes:
        runs: The runs, in the order given.
    """

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
        """The judges of all runs that can't be relied on."""
        return Doubts({place: text for run in self.runs for place, text in run.doubts.items()})

    @property
    def in_use(self) -> Mapping[tuple[str, str], InUse]:
        """What a prompt takes while it is used, by system and split."""
        return {place: use for run in self.runs for place, use in run.in_use.items()}

    @property
    def notes(self) -> tuple[str, ...]:
        """The notes of all runs, each once. With several runs, the names of its runs stand in front."""
        names: dict[str, dict[str, None]] = {}
        for run in self.runs:
            for note in run.notes:
                names.setdefault(note, {})[run.name] = None
        if len(self.runs) < 2:
            return tuple(names)
        return tuple(f"{', '.join(runs)}: {note}" for note, runs in names.items())

    @property
    def leading(self) -> Metric:
        """The metric that the report leads with: that of the first run, if there is one."""
        return leading_metric(self.runs[0].metrics if self.runs else ())

    @property
    def title(self) -> str:
        """The title: tasks and splits."""
        tasks = dict.fromkeys(run.manifest.identity.task for run in self.runs)
        splits = dict.fromkeys(split for run in self.runs for split in run.manifest.splits)
        return f"{', '.join(tasks)}: {', '.join(splits)}"


def read_runs(folders: Sequence[RunFolder]) -> ReportData:
    """Read the results of finished runs.

    Raises:
        GistevalError: There is no run, a run has no results or is damaged, or two have the same name.
    """
    if not folders:
        raise GistevalError("no run to report on: give the folder of a run")
    names = [folder.path.resolve().name for folder in folders]
    used = Counter(name for folder in folders for name in {row.system for row in folder.results()})
    runs = []
    for name, folder in zip(names, folders, strict=True):
        rows = folder.results()
        # All systems of a run are renamed or none, so that controls stay beside their candidates.
        systems = dict.fromkeys(row.system for row in rows)
        taken = any(used[system] > 1 for system in systems)
        report_names = {system: f"{name}/{system}" if taken else system for system in systems}
        judging = folder.judging()
        judge_trusts = trusts(folder, judging).values()
        runs.append(
            RunData(
                name=name,
                folder=folder,
                names=report_names,
                rows=tuple(_renamed(row, report_names) for row in rows),
                notes=folder.notes,
                profile=read_profile(folder.path / "report" / "profile.json"),
                in_use={(report_names[name], split): use for (name, split), use in in_use(folder).items()},
                judging=tuple(_renamed_entry(entry, report_names) for entry in judging),
                doubts=doubts_of(
                    judge_trusts, report_names, (system.name for system in folder.systems), folder.splits
                ),
                coverage=coverage_text(read_coverage(folder.path)),
                diagnosis=read_diagnosis(folder.path),
            )
        )
    repeated = [name for name, times in Counter(names).items() if times > 1]
    if repeated:
        raise GistevalError(f"two runs have the name {repeated[0]}: rename the folder of one of them")
    return ReportData(tuple(runs))


def _renamed(row: ResultRow, names: Mapping[str, str]) -> ResultRow:
    reference = None if row.reference is None else names.get(row.reference, row.reference)
    negative = None if row.negative is None else names.get(row.negative, row.negative)
    return replace(row, system=names[row.system], reference=reference, negative=negative)


def _renamed_entry(entry: JudgingEntry, names: Mapping[str, str]) -> JudgingEntry:
    system, reference = (names.get(name, name) for name in (entry.system, entry.reference))
    return replace(entry, system=system, reference=reference)
