"""The paper's release as a whole: any subset of its files, any model and k; what can't be read is named."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import TextIOWrapper
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.files.foreign import open_file
from gisteval.importer.joining import FamilyRows, RowText, align, join_families
from gisteval.importer.layout import OutputFile, ReleasedSystem, output_file
from gisteval.importer.outputs import ReleasedOutput, read_output_file
from gisteval.importer.prompt_text import prompt_of_verdict
from gisteval.importer.records import ImportedOutputs, SystemLabel
from gisteval.importer.verdicts import ReleasedVerdict, VerdictFile, read_verdict_file
from gisteval.records.schema import Example, Verdict

_SPLITS = ("seen", "unseen", "human")
_CONDITIONS = ("pos_control", "gist", "neg_control")

Place = tuple[str, str]
"""A model family and a split: what was asked of all systems there."""

Families = dict[Place, FamilyRows]
Examples = dict[Place, tuple[Example, ...]]


@dataclass(frozen=True, slots=True)
class SavedRouge:
    """A row of rouge.csv, in percent."""

    system: str
    split: str
    value: float


@dataclass
class Release:
    """What was found. problems: a line each for what was left out, and why.

    examples: in the order of a family's rows; families share those that both were asked.
    """

    examples: Examples = field(default_factory=dict)
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

    known: the task's own examples by split; rows that are theirs take their texts and ids.
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
    read, families = _read_outputs(release, _latest(release, files))
    _add_judged_alone(release, families)
    release.examples |= _join(families, task, known or {})
    for one in read:
        asked = release.examples[one.file.system.family, one.file.split]
        release.outputs.append(_outputs(one, asked))
    _match_verdicts(release, families, task)
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
        with TextIOWrapper(open_file(path), encoding="utf-8", newline="") as stream:
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


@dataclass(frozen=True, slots=True)
class _ReadFile:
    """An output file with the number of each of its rows among its family's."""

    file: OutputFile
    rows: list[ReleasedOutput]
    numbers: list[int]


def _read_outputs(release: Release, files: Iterable[OutputFile]) -> tuple[list[_ReadFile], Families]:
    """All output files, and the examples of each family on each split as its files show them."""
    read: list[tuple[OutputFile, list[ReleasedOutput]]] = []
    for file in files:
        with _problems_noted(release):
            read.append((file, read_output_file(file)))
    families: Families = {}
    numbers: dict[Path, list[int]] = {}
    # The longest first: a file that lacks rows has its own at other places.
    for file, rows in sorted(read, key=lambda pair: -len(pair[1])):
        family = families.setdefault((file.system.family, file.split), FamilyRows())
        numbers[file.path] = family.add([row.text for row in rows])
    return [_ReadFile(file, rows, numbers[file.path]) for file, rows in read], families


def _add_judged_alone(release: Release, families: Families) -> None:
    """Examples of families without outputs, as verdicts show them; nobody knows their references."""
    with_outputs = set(families)
    for file in sorted(release.verdict_files, key=lambda file: -len(file.rows)):
        place = (ReleasedSystem.parse(file.system).family, file.split)
        if place not in with_outputs:
            families.setdefault(place, FamilyRows()).add([_shown(row) for row in file.rows])


def _join(families: Families, task: str, known: Mapping[str, Sequence[Example]]) -> Examples:
    joined: Examples = {}
    for split in dict.fromkeys(split for _, split in families):
        of_split = {family: rows for (family, where), rows in families.items() if where == split}
        found = join_families(of_split, task, split, known.get(split, ()))
        joined |= {(family, split): examples for family, examples in found.items()}
    return joined


def _outputs(read: _ReadFile, examples: Sequence[Example]) -> ImportedOutputs:
    own = [examples[number] for number in read.numbers]
    pairs = list(zip(own, read.rows, strict=True))
    return ImportedOutputs(
        label_of(read.file.system),
        read.file.split,
        tuple(examples),
        {example.content_id: row.output for example, row in pairs},
        f"{read.file.path.parent.name}/{read.file.path.name}",
        {
            example.content_id: row.text.reference
            for example, row in pairs
            if row.text.reference != example.output
        },
    )


def _match_verdicts(release: Release, families: Families, task: str) -> None:
    outputs = {(part.system.name, part.split): part.outputs for part in release.outputs}
    for file in release.verdict_files:
        place = (ReleasedSystem.parse(file.system).family, file.split)
        contents = [example.content_id for example in release.examples[place]]
        sides = [outputs.get((name, file.split), {}) for name in (file.system, file.reference)]

        def fits(
            row: int,
            number: int,
            file: VerdictFile = file,
            contents: Sequence[str] = contents,
            sides: Sequence[Mapping[str, str]] = sides,
        ) -> bool:
            shown = (file.rows[row].output, file.rows[row].reference_output)
            return shown == tuple(side.get(contents[number]) for side in sides)

        numbers = align(families[place].rows, [_shown(row) for row in file.rows], fits)
        pairs = [None if number is None else contents[number] for number in numbers]
        release.verdicts[file.path] = tuple(file.records(task, pairs))
        if None in pairs:
            release.problems.append(
                f"{file.path.name}: {pairs.count(None)} of {len(pairs)} verdicts are on prompts that no "
                "output file holds, or several: left out."
            )


def _shown(row: ReleasedVerdict) -> RowText:
    return RowText(prompt_of_verdict(row.prompt), "")
