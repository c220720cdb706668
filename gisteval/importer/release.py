"""The paper's release as a whole: any subset of its files, any model and k; what can't be read is named."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.importer.layout import OutputFile, ReleasedSystem, output_file
from gisteval.importer.outputs import ExampleIndex, ReleasedOutput, as_task_examples, read_output_file
from gisteval.importer.records import ImportedOutputs, SystemLabel
from gisteval.importer.verdicts import VerdictFile, read_verdict_file
from gisteval.schema import Example, Verdict

_SPLITS = ("seen", "unseen", "human")
_CONDITIONS = ("pos_control", "gist", "neg_control")

Place = tuple[str, str]
"""A model family and a split: where examples are shared."""


@dataclass(frozen=True, slots=True)
class SavedRouge:
    """A row of rouge.csv, in percent."""

    system: str
    split: str
    value: float


@dataclass
class Release:
    """What was found. problems: a line each for what was left out, and why."""

    examples: dict[Place, tuple[Example, ...]] = field(default_factory=dict)
    outputs: list[ImportedOutputs] = field(default_factory=list)
    verdict_files: list[VerdictFile] = field(default_factory=list)
    verdicts: dict[Path, tuple[Verdict, ...]] = field(default_factory=dict)
    saved_rouge: list[SavedRouge] = field(default_factory=list)
    benchmarks: list[Path] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @property
    def systems(self) -> list[SystemLabel]:
        """All systems that have outputs or verdicts: by family, then positive, gist by k, negative."""
        names = [found.system.name for found in self.outputs]
        names += [name for file in self.verdict_files for name in (file.system, file.reference)]
        found = [ReleasedSystem.parse(name) for name in dict.fromkeys(names)]
        found.sort(key=lambda system: (system.family, *_system_order(system)))
        return [label_of(system) for system in found]


def label_of(system: ReleasedSystem) -> SystemLabel:
    """The label of a released checkpoint."""
    return SystemLabel(system.name, system.family, system.condition, system.k)


def read_release(folder: Path, task: str, known: Mapping[str, Sequence[Example]] | None = None) -> Release:
    """Read all that lies in a folder. Raises GistevalError if none of it is of the release.

    known: the task's own examples by split; rows that differ from them in white space only take their
    texts and ids.
    """
    if not folder.is_dir():
        raise GistevalError(f"{folder} is no folder: give the one with model_outputs/ and chatgpt/")
    release = Release()
    files: list[OutputFile] = []
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        if any(part.startswith(".") for part in path.relative_to(folder).parts):
            continue
        with _problems_noted(release):
            _take(release, files, path)
    release.verdict_files.sort(key=lambda file: split_order(file.split))
    indexes = _read_outputs(release, _latest(release, files), task, known or {})
    _match_verdicts(release, indexes, task)
    if not release.outputs and not release.verdict_files and not release.benchmarks:
        reason = f" ({release.problems[0]})" if release.problems else ""
        raise GistevalError(f"{folder} holds no file of the paper's release that can be read{reason}")
    return release


@contextmanager
def _problems_noted(release: Release) -> Iterator[None]:
    """A file that can't be read is a problem of its own; the others are read all the same."""
    try:
        yield
    except GistevalError as error:
        release.problems.append(f"{error}; it is left out.")


def _take(release: Release, files: list[OutputFile], path: Path) -> None:
    readers: tuple[tuple[str, Callable[[], object]], ...] = (
        ("rouge.csv", lambda: release.saved_rouge.extend(_read_saved_rouge(path))),
        ("outputs-*.csv", lambda: files.append(output_file(path))),
        ("*benchmarking*.csv", lambda: release.benchmarks.append(path)),
        ("*-vs-*.json", lambda: release.verdict_files.append(_read_verdicts(path))),
    )
    for pattern, read in readers:
        if path.match(pattern):
            read()
            return
    raise GistevalError(f"{path} is no file of the paper's release")


def _read_verdicts(path: Path) -> VerdictFile:
    file = read_verdict_file(path)
    try:
        ReleasedSystem.parse(file.system), ReleasedSystem.parse(file.reference)
    except GistevalError as error:
        raise GistevalError(f"{path}: {error}") from error
    return file


def _read_saved_rouge(path: Path) -> Iterable[SavedRouge]:
    try:
        with path.open(encoding="utf-8", newline="") as stream:
            return [
                SavedRouge(
                    f"{row['model']}-{row['condition']}-{row['num_gist_tokens']}",
                    row["split"],
                    float(row["value"]),
                )
                for row in csv.DictReader(stream)
            ]
    except (OSError, UnicodeError, csv.Error, KeyError, TypeError, ValueError) as error:
        raise GistevalError(
            f"{path} is damaged: it needs model, condition, num_gist_tokens, value"
        ) from error


def _latest(release: Release, files: Iterable[OutputFile]) -> list[OutputFile]:
    """One file a system and split: the one after most training steps."""
    latest: dict[Place, OutputFile] = {}
    for file in sorted(files, key=lambda file: file.steps):
        older = latest.pop((file.system.name, file.split), None)
        latest[file.system.name, file.split] = file
        if older is not None:
            release.problems.append(
                f"{older.path} is of fewer training steps than {file.path.name}: left out."
            )
    return sorted(latest.values(), key=lambda f: (split_order(f.split), *_system_order(f.system)))


def split_order(split: str) -> tuple[int, str]:
    """The paper's splits in its order, then others by name."""
    return (_SPLITS.index(split) if split in _SPLITS else len(_SPLITS), split)


def _system_order(system: ReleasedSystem) -> tuple[int, int, str]:
    return _CONDITIONS.index(system.condition), system.k, system.family


def _read_outputs(
    release: Release, files: Iterable[OutputFile], task: str, known: Mapping[str, Sequence[Example]]
) -> dict[Place, ExampleIndex]:
    indexes: dict[Place, ExampleIndex] = {}
    read: list[tuple[OutputFile, list[ReleasedOutput], list[int]]] = []
    for file in files:
        with _problems_noted(release):
            rows = read_output_file(file)
            place = (file.system.family, file.split)
            index = indexes.setdefault(place, ExampleIndex(task, file.split, "-".join(place)))
            read.append((file, rows, index.add(rows)))
    for place, index in indexes.items():
        release.examples[place] = tuple(as_task_examples(index.examples(), known.get(place[1], ())))
    for file, rows, numbers in read:
        examples = release.examples[file.system.family, file.split]
        contents = [examples[number].content_id for number in numbers]
        if len(set(contents)) < len(contents):
            release.problems.append(f"{file.path} answers an example twice: the last answer counts.")
        release.outputs.append(
            ImportedOutputs(
                label_of(file.system),
                file.split,
                examples,
                {content: row.output for content, row in zip(contents, rows, strict=True)},
                f"{file.path.parent.name}/{file.path.name}",
            )
        )
    return indexes


def _match_verdicts(release: Release, indexes: dict[Place, ExampleIndex], task: str) -> None:
    for file in list(release.verdict_files):
        with _problems_noted(release):
            place = (ReleasedSystem.parse(file.system).family, file.split)
            index = indexes.setdefault(place, ExampleIndex(task, file.split, "-".join(place)))
            if place not in release.examples or not any(e.output for e in release.examples[place]):
                # Without outputs nobody knows the references; the verdicts still count.
                for row in file.rows:
                    index.add_prompt(row.prompt)
                release.examples[place] = tuple(index.examples())
            contents = [example.content_id for example in release.examples[place]]

            def pair_of(
                prompt: str, index: ExampleIndex = index, contents: list[str] = contents
            ) -> str | None:
                number = index.number_of(prompt)
                return None if number is None else contents[number]

            found = tuple(file.records(task, pair_of))
            release.verdicts[file.path] = found
            if len(found) < len(file.rows):
                release.problems.append(
                    f"{file.path.name}: {len(file.rows) - len(found)} of {len(file.rows)} verdicts are on "
                    "prompts that no output file holds, or several: left out."
                )
