"""A run's folder: what lies where, whose it is, and what in it is already known.

A folder is complete in itself: it holds the examples, so judges, reports and gates need neither the
task's data nor a model.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Self

from gisteval.errors import GistevalError, InvalidRun, counted
from gisteval.files.names import SEPARATOR, file_name, readable_name
from gisteval.records.guard import check_free, check_no_links
from gisteval.records.judge_figures import JudgingEntry
from gisteval.records.lines import to_json
from gisteval.records.manifest import (
    MANIFEST,
    JudgeFacts,
    Manifest,
    SavedFigure,
    SelfCheckFacts,
    System,
    read_manifest,
)
from gisteval.records.paths import record_file
from gisteval.records.reading import no_record, read_examples, read_kind, read_lines
from gisteval.records.results import Failure, Results, read_failures, read_results, write_failures
from gisteval.records.schema import Example, Generation, ResultRow, Verdict, answer_id
from gisteval.records.store import only_writer, write_atomic, write_json


class RunFolder:
    """One run on disk: its manifest, its records and its results."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._manifest: Manifest | None = None

    @classmethod
    def open(cls, path: Path) -> Self:
        """A run that is already there, to be read.

        Raises:
            GistevalError: The folder holds no run, or an import that was not finished.
        """
        file = path / MANIFEST
        if not file.is_file():
            raise GistevalError(f"{path} holds no run (no {MANIFEST}): give the --output of a run")
        check_no_links(path)
        folder = cls(path)
        folder._manifest = read_manifest(file)
        if folder._manifest.unfinished:
            raise GistevalError(
                f"{path}: its import stopped half-way: run the command of that import again"
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

        Raises:
            GistevalError: There is one, or the folder holds something else than a run.
        """
        check_free(self.path)
        with only_writer(self.path):
            yield

    def claim(self, manifest: Manifest, examples: Mapping[str, Sequence[Example]]) -> None:
        """Start or continue a run here, and keep its examples by split.

        Raises:
            GistevalError: The folder is another run's.
        """
        check_free(self.path)
        file = self.path / MANIFEST
        if file.is_file():
            manifest = manifest.continuing(read_manifest(file), self.path)
        self._write_manifest(manifest)
        for split, items in examples.items():
            self._keep_examples(split, items)

    def manifest(self) -> Manifest:
        """The manifest as it stands; the folder must have been opened or claimed."""
        assert self._manifest is not None, "open or claim the folder first"
        return self._manifest

    def _write_manifest(self, manifest: Manifest) -> None:
        self._manifest = manifest
        write_json(self.path / MANIFEST, manifest.to_json())

    def finish_import(self) -> None:
        """Take the mark of an unfinished import away: from now on the run can be read."""
        self._write_manifest(replace(self.manifest(), unfinished=None))

    def not_asked(self, system: str, split: str) -> frozenset[str]:
        """Content ids of a split's examples that are other systems' alone; empty but for imports."""
        by_system = self.manifest().not_asked or {}
        return frozenset(by_system.get(system, {}).get(split, ()))

    def note_self_check(self, system: str, figures: SelfCheckFacts) -> None:
        """Put a self-check's figures into the manifest."""
        manifest = self.manifest()
        self._write_manifest(replace(manifest, self_check={**manifest.self_check, system: figures}))

    def note_executor(self, facts: Mapping[str, object]) -> None:
        """Put who made the records, lastly, into the manifest."""
        if self.manifest().executor != facts:
            self._write_manifest(replace(self.manifest(), executor=dict(facts)))

    def note_judge(self, judge: str, facts: JudgeFacts) -> None:
        """Put what a judge's verdicts rest on into the manifest."""
        manifest = self.manifest()
        self._write_manifest(replace(manifest, judges={**manifest.judges, judge: facts}))

    @property
    def judges(self) -> Mapping[str, JudgeFacts]:
        """What the manifest says of each judge of this run, by the name its verdicts bear."""
        return self.manifest().judges

    @property
    def references(self) -> dict[str, str]:
        """The positive control of each system, its own among them; empty if the run has none."""
        return self.manifest().references

    @property
    def splits(self) -> tuple[str, ...]:
        """The run's splits, in the order of its configuration."""
        return tuple(self.manifest().splits)

    @property
    def systems(self) -> tuple[System, ...]:
        """What the manifest says of each system."""
        return self.manifest().systems

    def examples(self, split: str) -> tuple[Example, ...]:
        """The examples of one split, in the task's order. Raises InvalidRun if some are lost."""
        examples = read_examples(self._examples(split), split)
        expected = self.manifest().splits.get(split, 0)
        if len(examples) != expected:
            raise InvalidRun(
                f"{self._examples(split)} holds {counted(len(examples), 'example')}, the run has "
                f"{expected}: run that run's command again"
            )
        return examples

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

    def scores(self, system: str) -> Path:
        """File of the values of a system's outputs."""
        return self._file("scores", system)

    def verdicts(self, judge: str, system: str) -> Path:
        """File of a judge's verdicts on a system."""
        return self._file("verdicts", judge, system)

    def _file(self, folder: str, *names: str) -> Path:
        manifest = self._manifest
        known = [*manifest.splits, *(system.name for system in manifest.systems)] if manifest else []
        return record_file(self.path, folder, names, known)

    def known_keys(self, system: str, split: str) -> set[str]:
        """Keys of a split's records that are already there. Raises GistevalError if a line has none."""
        path, keys = self.generations(system), set()
        for number, record in read_lines(path, {"system": system, "split": split}):
            key = record.get("key")
            if not isinstance(key, str):
                raise no_record(path, number, TypeError("no text key"))
            keys.add(key)
        return keys

    def read_generations(self, system: str, split: str) -> Iterator[Generation]:
        """A system's records of one split. Raises GistevalError if a line is no such record."""
        return read_kind(self.generations(system), Generation, system=system, split=split)

    def read_outputs(self, system: str, split: str) -> dict[str, str]:
        """A system's outputs of one split by answer id, in a third of the time of whole records.

        Raises GistevalError if a line holds none.
        """
        path, outputs = self.generations(system), {}
        for number, record in read_lines(path, {"system": system, "split": split}):
            content, output, sample = map(record.get, ("content", "output", "sample"))
            if not (isinstance(content, str) and isinstance(output, str)):
                raise no_record(path, number, TypeError("no texts content and output"))
            outputs[answer_id(content, sample if isinstance(sample, int) else None)] = output
        return outputs

    def read_references(self, system: str, split: str) -> dict[str, str]:
        """References that outputs came with, by content id, where they are not the examples' own."""
        if system not in (self.manifest().own_references or ()):
            return {}
        references = {g.content: g.own_reference for g in self.read_generations(system, split)}
        return {content: reference for content, reference in references.items() if reference is not None}

    def read_verdicts(self, judge: str, system: str, split: str) -> Iterator[Verdict]:
        """A judge's verdicts on a system's outputs of one split. Raises GistevalError as above."""
        return read_kind(self.verdicts(judge, system), Verdict, judge=judge, system=system, split=split)

    def file_verdicts(self, judge: str, system: str) -> Iterator[Verdict]:
        """All that stands in the file of a judge's verdicts on a system. Raises GistevalError as above."""
        return read_kind(self.verdicts(judge, system), Verdict)

    def judges_of(self, system: str) -> tuple[str, ...]:
        """Names of the judges with verdicts on a system, sorted.

        Raises InvalidRun if a file that bears one judge's name begins with another's verdict.
        """
        names = set()
        endings = {file_name(system), readable_name(system)}
        files = [file for end in endings for file in self.path.glob(f"verdicts/*{SEPARATOR}{end}.jsonl")]
        for file in files:
            first = next(read_kind(file, Verdict), None)
            if first is None or first.system != system:
                continue
            if file != self.verdicts(first.judge, system):
                raise InvalidRun(f"{file} holds verdicts of judge {first.judge}: move that file away")
            names.add(first.judge)
        return tuple(sorted(names))

    def all_verdicts(self) -> Iterator[Verdict]:
        """Every verdict of every judge. Raises GistevalError if a line is no such record."""
        for path in sorted((self.path / "verdicts").glob("*--*.jsonl")):
            yield from read_kind(path, Verdict)

    def failed(self, system: str, split: str) -> set[str]:
        """Ids of the examples of which the finished run says that a system has no output."""
        return read_failures(self.path, system, split)

    def results(self) -> list[ResultRow]:
        """The rows of results.json. Raises GistevalError if the run has none yet, or it is damaged."""
        return list(read_results(self.path).rows)

    def judging(self) -> list[JudgingEntry]:
        """The judges' figures in results.json, one entry a judge, split and system. Raises as above."""
        return list(read_results(self.path).judging)

    def write_judging(
        self, rows: Sequence[ResultRow], judging: Sequence[JudgingEntry], judges: str
    ) -> None:
        """Replace the rows and figures of the judges of this run; what others made of it stays.

        judges: the judges with their digests, for the signature.
        """
        before = read_results(self.path)
        others = [row for row in before.rows if row.judge not in self.judges]
        parts = [part for part in before.signature.split("|") if not part.startswith("judges:")]
        stamp = "|".join([*parts, f"judges:{judges}"])
        Results((*others, *rows), stamp, tuple(judging)).write(self.path)

    @property
    def notes(self) -> tuple[str, ...]:
        """What every report of the results must say, of its judges too."""
        return self.manifest().report_notes

    def write_results(self, rows: Sequence[ResultRow], signature: str) -> None:
        """Write results.json without any judge's figures."""
        Results(tuple(rows), signature).write(self.path)

    @property
    def signature(self) -> str:
        """The signature of results.json. Raises GistevalError as `results` does."""
        return read_results(self.path).signature

    def note_notes(self, notes: Sequence[str]) -> None:
        """Put what every report of the results must say into the manifest."""
        self._write_manifest(replace(self.manifest(), result_notes=tuple(notes)))

    def note_saved_figures(self, figures: Sequence[SavedFigure]) -> None:
        """Put what a release states of its own numbers, beside what its rows give, into the manifest."""
        self._write_manifest(replace(self.manifest(), saved_figures=tuple(figures)))

    def note_failures(self, failures: Mapping[tuple[str, str], Sequence[Failure]]) -> None:
        """Name every example without an output in failures.json, by system and split."""
        write_failures(self.path, failures)
