"""A run folder out of outputs made elsewhere: records, scores against the controls of the same family."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypedDict

from gisteval.importer.records import ImportedOutputs, SystemLabel
from gisteval.pipeline.identity import signature, versions
from gisteval.pipeline.manifest import build_identity, build_manifest
from gisteval.pipeline.run.scoring import Scored, collect, result_rows
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import Example, Generation, ResultRow, Verdict, digest, to_json
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
        contents: By system, a digest of all that it is made of.
        command: The command line.
        more: Further fields of the manifest.

    Raises:
        GistevalError: The folder holds something else.
    """
    folder = RunFolder(output)
    described = [system.described(_reference(system, systems)) for system in systems]
    identity = build_identity(task, examples, contents)
    manifest = build_manifest(identity, examples, described, command, "none", "unknown", **more)
    folder.claim(manifest, examples)
    return folder


class Marks(TypedDict):
    """Fields of a manifest that only imports have."""

    not_asked: Mapping[str, Mapping[str, tuple[str, ...]]]
    own_references: tuple[str, ...]
    unfinished: bool


def marks(examples: Mapping[str, Sequence[Example]], outputs: Sequence[ImportedOutputs]) -> Marks:
    """What a manifest says of an import alone; until `RunFolder.finish_import` nothing reads the folder."""
    return {
        "not_asked": _not_asked(examples, outputs),
        "own_references": tuple(sorted({part.system.name for part in outputs if part.references})),
        "unfinished": True,
    }


def _not_asked(
    examples: Mapping[str, Sequence[Example]], outputs: Sequence[ImportedOutputs]
) -> dict[str, dict[str, tuple[str, ...]]]:
    """By system and split, the content ids of what was asked of other systems only."""
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for part in outputs:
        asked = {example.content_id for example in part.examples}
        others = tuple(e.content_id for e in examples[part.split] if e.content_id not in asked)
        if others:
            found.setdefault(part.system.name, {})[part.split] = others
    return found


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


def _reference(system: SystemLabel, systems: Sequence[SystemLabel]) -> str | None:
    """The positive control of a system's family; of several, the one with its k."""
    if system.role == "positive":
        return system.name
    positives = [other for other in systems if other.family == system.family and other.role == "positive"]
    positives.sort(key=lambda other: (other.k != system.k, other.k))
    return positives[0].name if positives else None


def write_generations(folder: RunFolder, outputs: Sequence[ImportedOutputs]) -> None:
    """Append the records that are not there yet."""
    for part in outputs:
        _append(folder.generations(part.system.name), part.records())


def write_verdicts(folder: RunFolder, verdicts: Sequence[Verdict]) -> None:
    """Append the verdicts that are not there yet, each to its judge's and system's file."""
    files: dict[Path, list[Verdict]] = {}
    for verdict in verdicts:
        files.setdefault(folder.verdicts(verdict.judge, verdict.system), []).append(verdict)
    for path, found in files.items():
        _append(path, found)


def _append(path: Path, records: Sequence[Verdict] | Iterator[Generation]) -> None:
    known = {record.get("key") for record in read_records(path)}
    with RecordWriter(path) as writer:
        writer.write(to_json(record) for record in records if record.key not in known)


def score_rows(outputs: Sequence[ImportedOutputs]) -> Iterator[ResultRow]:
    """All rows but those of judges: each system beside the controls of its family, on the same split."""
    places: dict[tuple[str, str], list[ImportedOutputs]] = {}
    for part in outputs:
        places.setdefault((part.split, part.system.family), []).append(part)
    for parts in places.values():
        scored = [(part, collect(part.examples, part.records(), part.missing)) for part in parts]
        for part, own in scored:
            if own is not None:
                positive = _control(scored, "positive", part.system.k)
                negative = _control(scored, "negative", part.system.k)
                yield from result_rows(own, positive, negative)


def _control(scored: Sequence[tuple[ImportedOutputs, Scored | None]], role: str, k: int) -> Scored | None:
    """The control that was trained with this k, else the one with the smallest (its k changes nothing)."""
    found = [(part.system.k, own) for part, own in scored if part.system.role == role and own is not None]
    found.sort(key=lambda pair: (pair[0] != k, pair[0]))
    return found[0][1] if found else None


def import_signature(task: str) -> str:
    """How the numbers of an import came about."""
    return signature(
        {
            "task": task,
            "metric": "rougeL-stem-meanF1",
            "ci": "gaffke-95",
            "ci-unbounded": "cluster-t-hall-95",
            "retention": "test-inversion-95",
            "seed": SEED,
            "provenance": "imported",
            "gisteval": versions()["gisteval"],
        }
    )


def contents_of(outputs: Sequence[ImportedOutputs], verdicts: Sequence[Verdict]) -> dict[str, str]:
    """A digest by system of all its records' keys."""
    keys: dict[str, list[str]] = {}
    for part in outputs:
        keys.setdefault(part.system.name, []).extend(record.key for record in part.records())
    for verdict in verdicts:
        keys.setdefault(verdict.system, []).append(verdict.key)
    return {name: digest(found) for name, found in keys.items()}


def all_examples(parts: Sequence[Sequence[Example]]) -> dict[str, tuple[Example, ...]]:
    """Examples by split, each once."""
    found: dict[str, dict[str, Example]] = {}
    for example in chain.from_iterable(parts):
        found.setdefault(example.split, {}).setdefault(example.content_id, example)
    return {split: tuple(examples.values()) for split, examples in found.items()}
