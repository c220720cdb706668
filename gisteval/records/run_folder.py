"""A run's folder: what lies where, whose it is, and what in it is already known.

A folder is complete in itself: it holds the examples, so judges, reports and gates need neither the
task's data nor a model.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self, TypeVar

from gisteval.errors import GistevalError, InvalidRun, counted
from gisteval.files.foreign import read_json
from gisteval.files.names import SEPARATOR, file_name, readable_name
from gisteval.logs import LOG_FILE
from gisteval.records.facts import WrongField, check_complete, check_manifest, check_numbers, check_results
from gisteval.records.schema import Example, Generation, ResultRow, Verdict, from_json, to_json
from gisteval.records.store import LOCK_FILE, NEW, only_writer, read_records, write_atomic, write_json

SCHEMA_VERSION = 1
MANIFEST = "manifest.json"
UNFINISHED = "unfinished"
"""The manifest's mark of an import that is being written."""

UNKNOWN_JUDGE = {"identity": "", "note": "", "notes": ()}
"""What stands in for what a manifest does not say of a judge."""

Record = TypeVar("Record", Example, Generation, Verdict)


class RunFolder:
    """Paths and small files of one run."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._manifest: dict[str, Any] = {}

    @classmethod
    def open(cls, path: Path) -> Self:
        """A run that is already there, to be read.

        Raises GistevalError if the folder holds none, or an import that was not finished.
        """
        file = path / MANIFEST
        if not file.is_file():
            raise GistevalError(f"{path} holds no run (no manifest.json): give the --output of a run")
        _check_no_links(path)
        folder = cls(path)
        folder._manifest = _read_manifest(file)
        if UNFINISHED in folder._manifest:
            raise GistevalError(
                f"{path}: its import stopped half-way, so what is there is not all of it: run the command "
                "of that import again"
            )
        return folder

    @classmethod
    @contextmanager
    def editing(cls, path: Path) -> Iterator[Self]:
        """`open` for a command that writes: no other may meanwhile. Raises GistevalError if one does."""
        cls.open(path)  # a folder that holds no run gets no lock file either
        with only_writer(path):
            yield cls.open(path)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other writers out while a run is started, or continued, here.

        Raises GistevalError if there is one, or if the folder holds something else than a run.
        """
        self._check_free()
        with only_writer(self.path):
            yield

    def _check_free(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise GistevalError(f"{self.path} is a file: choose a folder as --output")
        # What a command leaves that was killed before its manifest was there.
        own = {MANIFEST, MANIFEST + NEW, LOCK_FILE, LOG_FILE}
        found = {entry.name for entry in self.path.iterdir()} if self.path.exists() else set()
        if found - own and MANIFEST not in found:
            raise GistevalError(f"{self.path} is not empty and holds no run: choose another --output")
        _check_no_links(self.path)

    def claim(self, manifest: dict[str, Any], examples: Mapping[str, Sequence[Example]]) -> None:
        """Start or continue a run here, and keep its examples by split.

        Raises GistevalError if the folder is another run's.
        """
        self._check_free()
        file = self.path / MANIFEST
        if file.is_file():
            before = _read_manifest(file)
            for part, value in manifest["identity"].items():
                if before["identity"].get(part) != value:
                    raise GistevalError(
                        f"{self.path} holds another run (its {part} differ): choose another --output"
                    )
            kept = ("self_check", "judges", "executor")
            manifest = {**manifest, **{part: before[part] for part in kept if part in before}}
        self._manifest = manifest
        write_json(file, manifest)
        for split, found in examples.items():
            self._keep_examples(split, found)

    def manifest(self) -> dict[str, Any]:
        """The manifest as it stands."""
        return self._manifest

    def check_complete(self) -> None:
        """Raises GistevalError if the manifest lacks what reports and judges state of every run."""
        try:
            check_complete(self._manifest)
        except WrongField as error:
            raise GistevalError(
                f"{self.path / MANIFEST} is damaged ({error}): run that run's command again"
            ) from error

    def finish_import(self) -> None:
        """Take the mark of an unfinished import away: from now on the run can be read."""
        self._manifest.pop(UNFINISHED, None)
        write_json(self.path / MANIFEST, self._manifest)

    def not_asked(self, system: str, split: str) -> frozenset[str]:
        """Content ids of a split's examples that are other systems' alone; empty but for imports."""
        return frozenset(self._manifest.get("not_asked", {}).get(system, {}).get(split, ()))

    def note_self_check(self, system: str, figures: Mapping[str, float | int]) -> None:
        """Put a self-check's figures into the manifest."""
        self._manifest["self_check"][system] = dict(figures)
        write_json(self.path / MANIFEST, self._manifest)

    def note_executor(self, facts: Mapping[str, Any]) -> None:
        """Put who made the records, lastly, into the manifest."""
        if self._manifest.get("executor") != facts:
            self._manifest["executor"] = dict(facts)
            write_json(self.path / MANIFEST, self._manifest)

    @property
    def judges(self) -> dict[str, dict[str, Any]]:
        """What the manifest says of each judge of this run, by the name its verdicts bear."""
        judges = self._manifest.get("judges", {})
        return {name: {**UNKNOWN_JUDGE, **facts} for name, facts in judges.items()}

    def note_judge(self, judge: str, facts: Mapping[str, Any]) -> None:
        """Put what a judge's verdicts rest on into the manifest."""
        self._manifest["judges"] = {**self._manifest.get("judges", {}), judge: dict(facts)}
        write_json(self.path / MANIFEST, self._manifest)

    @property
    def references(self) -> dict[str, str]:
        """The positive control of each system, its own among them; empty if the run has none."""
        positives = [system["name"] for system in self.systems if system["role"] == "positive"]
        alone = positives[0] if len(positives) == 1 else None
        found = {system["name"]: system.get("reference", alone) for system in self.systems}
        return {system: reference for system, reference in found.items() if reference}

    @property
    def splits(self) -> tuple[str, ...]:
        """The run's splits, in the order of its configuration."""
        return tuple(self._manifest["splits"])

    @property
    def systems(self) -> tuple[dict[str, Any], ...]:
        """What the manifest says of each system: name, role, condition, control, compressor, k, ..."""
        return tuple(self._manifest["systems"])

    def examples(self, split: str) -> tuple[Example, ...]:
        """The examples of one split, in the task's order. Raises InvalidRun if some are lost."""
        found = tuple(_records(self._examples(split), Example, split=split))
        expected = self._manifest["splits"].get(split, 0)
        if len(found) != expected:
            raise InvalidRun(
                f"{self._examples(split)} holds {counted(len(found), 'example')}, the run has {expected}: "
                "run that run's command again"
            )
        return found

    def _keep_examples(self, split: str, examples: Sequence[Example]) -> None:
        """Write them, unless they are there; a file that was cut short is made whole again."""
        lines = (json.dumps(to_json(example), ensure_ascii=False) + "\n" for example in examples)
        text, file = "".join(lines), self._examples(split)
        if not file.exists() or file.read_bytes() != text.encode("utf-8", "surrogatepass"):
            write_atomic(file, text)

    def _examples(self, split: str) -> Path:
        return self._file("examples", split)

    def generations(self, system: str) -> Path:
        """File of a system's generations."""
        return self._file("generations", system)

    def verdicts(self, judge: str, system: str) -> Path:
        """File of a judge's verdicts on a system."""
        return self._file("verdicts", judge, system)

    def _file(self, folder: str, *names: str) -> Path:
        """Where the records under a name, or a judge's on a system, lie.

        Version 0.1 called files by `readable_name`, which two names may share. Such a file still counts,
        unless another split or system of this run has that very name.
        """
        file = self.path / folder / f"{SEPARATOR.join(map(file_name, names))}.jsonl"
        former = self.path / folder / f"{SEPARATOR.join(map(readable_name, names))}.jsonl"
        if former == file or file.exists() or not former.exists():
            return file
        others = {*self.splits, *(system["name"] for system in self.systems)} - {names[-1]}
        return file if any(readable_name(names[-1]) == file_name(other) for other in others) else former

    def known_keys(self, system: str, split: str) -> set[str]:
        """Keys of a split's records that are already there. Raises GistevalError if a line has none."""
        path, found = self.generations(system), set()
        for number, record in _lines(path, {"system": system, "split": split}):
            key = record.get("key")
            if not isinstance(key, str):
                raise _no_record(path, number, TypeError("no text key"))
            found.add(key)
        return found

    def read_generations(self, system: str, split: str) -> Iterator[Generation]:
        """A system's records of one split. Raises GistevalError if a line is no such record."""
        return _records(self.generations(system), Generation, system=system, split=split)

    def read_outputs(self, system: str, split: str) -> dict[str, str]:
        """A system's outputs of one split by content id, read in a third of the time of whole records.

        Raises GistevalError if a line holds none.
        """
        path, found = self.generations(system), {}
        for number, record in _lines(path, {"system": system, "split": split}):
            content, output = record.get("content"), record.get("output")
            if not (isinstance(content, str) and isinstance(output, str)):
                raise _no_record(path, number, TypeError("no texts content and output"))
            found[content] = output
        return found

    def read_references(self, system: str, split: str) -> dict[str, str]:
        """References that outputs came with, by content id, where they are not the examples' own."""
        if system not in self._manifest.get("own_references", ()):
            return {}
        found = {g.content: g.own_reference for g in self.read_generations(system, split)}
        return {content: reference for content, reference in found.items() if reference is not None}

    def read_verdicts(self, judge: str, system: str, split: str) -> Iterator[Verdict]:
        """A judge's verdicts on a system's outputs of one split. Raises GistevalError as above."""
        return _records(self.verdicts(judge, system), Verdict, judge=judge, system=system, split=split)

    def file_verdicts(self, judge: str, system: str) -> Iterator[Verdict]:
        """All that stands in the file of a judge's verdicts on a system. Raises GistevalError as above."""
        return _records(self.verdicts(judge, system), Verdict)

    def judges_of(self, system: str) -> tuple[str, ...]:
        """Names of the judges with verdicts on a system, sorted.

        Raises InvalidRun if a file that bears one judge's name begins with another's verdict.
        """
        names = set()
        endings = {file_name(system), readable_name(system)}
        files = [file for end in endings for file in self.path.glob(f"verdicts/*{SEPARATOR}{end}.jsonl")]
        for file in files:
            first = next(_records(file, Verdict), None)
            if first is None or first.system != system:
                continue
            if file != self.verdicts(first.judge, system):
                raise InvalidRun(f"{file} holds verdicts of judge {first.judge}: move that file away")
            names.add(first.judge)
        return tuple(sorted(names))

    def failed(self, system: str, split: str) -> set[str]:
        """Ids of the examples of which the finished run says that a system has no output."""
        file = self.path / "failures.json"
        try:
            named = read_json(file) if file.exists() else []
            return {item["example"] for item in named if (item["system"], item["split"]) == (system, split)}
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise GistevalError(f"{file} is damaged: run that run's command again") from error

    def all_verdicts(self) -> Iterator[Verdict]:
        """Every verdict of every judge. Raises GistevalError if a line is no such record."""
        for path in sorted((self.path / "verdicts").glob("*--*.jsonl")):
            yield from _records(path, Verdict)

    def results(self) -> list[ResultRow]:
        """The rows of results.json. Raises GistevalError if the run has none yet, or it is damaged."""
        return self._results()[0]

    def judging(self) -> list[dict[str, Any]]:
        """The judges' figures in results.json, one entry a judge, split and system. Raises as above."""
        return self._results()[2]

    def write_judging(
        self, rows: Sequence[ResultRow], judging: Sequence[Mapping[str, Any]], judges: str
    ) -> None:
        """Replace the rows and figures of the judges of this run; what others made of it stays.

        judges: the judges with their digests, for the signature.
        """
        before, signature, _ = self._results()
        kept = [row for row in before if row.judge not in self.judges]
        parts = [part for part in signature.split("|") if not part.startswith("judges:")]
        self._write_results([*kept, *rows], "|".join([*parts, f"judges:{judges}"]), judging)

    def _write_results(
        self, rows: Sequence[ResultRow], signature: str, judging: Sequence[Mapping[str, Any]]
    ) -> None:
        content = {
            "schema_version": SCHEMA_VERSION,
            "signature": signature,
            "rows": [to_json(row) for row in rows],
            "judging": list(judging),
        }
        write_json(self.path / "results.json", content)

    def _results(self) -> tuple[list[ResultRow], str, list[dict[str, Any]]]:
        file = self.path / "results.json"
        try:
            content = read_json(file)
            check_results(content)
            rows = [from_json(ResultRow, row) for row in content["rows"]]
            return rows, content["signature"], content.get("judging", [])
        except FileNotFoundError as error:
            raise GistevalError(f"{self.path} has no results.json: finish that run first") from error
        except (WrongField, TypeError) as error:
            raise GistevalError(f"{file} is damaged ({error}): run that run's command again") from error
        except (OSError, ValueError, RecursionError) as error:
            raise GistevalError(f"{file} is damaged: run that run's command again") from error

    @property
    def notes(self) -> tuple[str, ...]:
        """What every report of the results must say, of its judges too."""
        notes = self._manifest.get("result_notes", self._manifest.get("notes", ()))
        return (*notes, *(note for judge in self.judges.values() for note in judge["notes"]))

    def write_results(
        self,
        rows: Sequence[ResultRow],
        signature: str,
        failures: Mapping[tuple[str, str], Sequence[Any]],
        notes: Sequence[str] | None = None,
    ) -> None:
        """results.json, and failures.json naming every example without an output.

        notes: what every report of the results must say, kept in the manifest; None leaves it as it is.
        """
        self._write_results(rows, signature, ())
        if notes is not None:
            self._manifest["result_notes"] = list(notes)
            write_json(self.path / MANIFEST, self._manifest)
        named = [
            {
                "system": system,
                "split": split,
                "example": item.example.id,
                "reason": item.reason,
            }
            for (system, split), items in failures.items()
            for item in items
        ]
        if named:
            write_json(self.path / "failures.json", named)


def _check_no_links(run: Path) -> None:
    """Refuse a run folder with a link in it: a command would read or write what lies at its other end.

    The folder itself may be reached through a link, since the user names it.
    """
    for folder, folders, files in os.walk(run):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink():
                raise GistevalError(
                    f"{path} is a link, and a run folder holds none: delete it, or copy the folder with "
                    "its files (cp -rL) if you trust where it points"
                )


def _lines(path: Path, wanted: Mapping[str, str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """A file's numbered lines whose fields are as wanted; a missing file has none."""
    for number, record in enumerate(read_records(path), 1):
        for name, value in wanted.items():
            found = record.get(name)
            if type(found) is not str:
                raise _no_record(path, number, TypeError(f"no text {name}"))
            if found != value:
                break
        else:
            yield number, record


def _records(path: Path, kind: type[Record], **wanted: str) -> Iterator[Record]:
    """The same as records of one kind."""
    for number, record in _lines(path, wanted):
        try:
            check_numbers(record)
            yield from_json(kind, record)
        except (TypeError, WrongField) as error:
            raise _no_record(path, number, error) from error


def _no_record(path: Path, number: int, error: Exception) -> GistevalError:
    return GistevalError(f"{path}, line {number} is no record of this version ({error}): delete that line")


def _read_manifest(file: Path) -> dict[str, Any]:
    """Raises GistevalError naming the field that does not hold what it should."""
    try:
        found = read_json(file)
        check_manifest(found)
    except WrongField as error:
        raise GistevalError(
            f"{file} is damaged or no manifest ({error}): choose another --output"
        ) from error
    except (OSError, ValueError, RecursionError) as error:
        raise GistevalError(f"{file} is damaged or no manifest: choose another --output") from error
    return dict(found)
