"""A run folder out of outputs made elsewhere: records, scores against the controls of the same family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypedDict

from gisteval.importer.records import ImportedOutputs, SystemLabel
from gisteval.pipeline.manifest import build_identity, build_manifest
from gisteval.records.lines import to_json
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, Generation, Verdict, digest
from gisteval.records.store import RecordWriter, read_records

SEED = 0


def claim_folder(
    output: Path,
    task: str,
    examples: Mapping[str, Sequence[Example]],
    systems: Sequence[SystemLabel],
    contents: Mapping[str, str],
    command: Sequence[str],
    **more: Any,
) -> RunFolder:
    """Start a run folder, or continue the same import.

    Args:
        output: The folder.
        task: The task's name.
        examples: By split.
        systems: All systems, in the order of reports.
        contents: A digest of all that each system is made of.
        command: The command line.
        more: Further fields of the manifest.

    Raises:
        GistevalError: The folder holds something else.
    """
    folder = RunFolder(output)
    described = [
        system.described(_control(system, systems, "positive"), _control(system, systems, "negative"))
        for system in systems
    ]
    identity = build_identity(task, examples, contents)
    more = {"signature": signature_of(task), **more}
    manifest = build_manifest(identity, examples, described, command, "none", "unknown", **more)
    folder.claim(manifest, examples)
    return folder


class Marks(TypedDict):
    """Fields of a manifest that only imports have."""

    not_asked: Mapping[str, Mapping[str, tuple[str, ...]]]
    own_references: tuple[str, ...]
    unfinished: bool


def marks(examples: Mapping[str, Sequence[Example]], outputs: Sequence[ImportedOutputs]) -> Marks:
    """Fields of the manifest of an import. Until `RunFolder.finish_import` nothing reads the folder."""
    return {
        "not_asked": _not_asked(examples, outputs),
        "own_references": tuple(sorted({part.system.name for part in outputs if part.references})),
        "unfinished": True,
    }


def _not_asked(
    examples: Mapping[str, Sequence[Example]], outputs: Sequence[ImportedOutputs]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """By system and split, the content ids of the examples that only other systems were asked."""
    not_asked: dict[str, dict[str, tuple[str, ...]]] = {}
    for part in outputs:
        asked = {example.content_id for example in part.examples}
        others = tuple(e.content_id for e in examples[part.split] if e.content_id not in asked)
        if others:
            not_asked.setdefault(part.system.name, {})[part.split] = others
    return not_asked


@dataclass(frozen=True, slots=True)
class NoOutput:
    """An example that a file lacks."""

    example: Example
    reason: str


def failures_of(outputs: Sequence[ImportedOutputs]) -> dict[tuple[str, str], list[NoOutput]]:
    """The examples without an output, by system and split."""
    return {
        (part.system.name, part.split): [
            NoOutput(example, f"{part.provenance} has no output")
            for example in part.examples
            if example.content_id in part.missing
        ]
        for part in outputs
        if part.missing
    }


def _control(system: SystemLabel, systems: Sequence[SystemLabel], role: str) -> str | None:
    """A control of a system's family: the one with the system's k, or else the one with the smallest k."""
    if system.role == role:
        return system.name
    controls = [other for other in systems if other.family == system.family and other.role == role]
    controls.sort(key=lambda other: (other.k != system.k, other.k))
    return controls[0].name if controls else None


def write_generations(folder: RunFolder, outputs: Sequence[ImportedOutputs]) -> None:
    """Append the records that are not there yet."""
    for part in outputs:
        _append(folder.generations(part.system.name), part.records())


def write_verdicts(folder: RunFolder, verdicts: Sequence[Verdict]) -> None:
    """Append the verdicts that are not there yet, each to its judge's and system's file."""
    files: dict[Path, list[Verdict]] = {}
    for verdict in verdicts:
        files.setdefault(folder.verdicts(verdict.judge, verdict.system), []).append(verdict)
    for path, file_verdicts in files.items():
        _append(path, file_verdicts)


def _append(path: Path, records: Sequence[Verdict] | Iterator[Generation]) -> None:
    known = {record.get("key") for record in read_records(path)}
    with RecordWriter(path) as writer:
        writer.write(to_json(record) for record in records if record.key not in known)


class Signature(TypedDict):
    """An import's parts of the signature of its numbers."""

    task: str
    seed: int
    provenance: str


def signature_of(task: str) -> Signature:
    """The signature of an import of a task."""
    return {"task": task, "seed": SEED, "provenance": "imported"}


def contents_of(outputs: Sequence[ImportedOutputs], verdicts: Sequence[Verdict]) -> dict[str, str]:
    """A digest by system of all its records' keys."""
    keys: dict[str, list[str]] = {}
    for part in outputs:
        keys.setdefault(part.system.name, []).extend(record.key for record in part.records())
    for verdict in verdicts:
        keys.setdefault(verdict.system, []).append(verdict.key)
    return {name: digest(record_keys) for name, record_keys in keys.items()}


def all_examples(parts: Sequence[Sequence[Example]]) -> dict[str, tuple[Example, ...]]:
    """Examples by split, without repetition."""
    by_split: dict[str, dict[str, Example]] = {}
    for example in chain.from_iterable(parts):
        by_split.setdefault(example.split, {}).setdefault(example.content_id, example)
    return {split: tuple(examples.values()) for split, examples in by_split.items()}
