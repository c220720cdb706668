"""Where the records of a run lie."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from gisteval.files.names import SEPARATOR, file_name, readable_name


def record_file(run: Path, folder: str, names: Sequence[str], known: Collection[str]) -> Path:
    """Where the records under a name, or a judge's on a system, lie.

    Version 0.1 called files by `readable_name`, which two names may share. Such a file still counts,
    unless another split or system of this run has that very name.

    Args:
        run: The run's folder.
        folder: examples, generations or verdicts.
        names: What the file is called after; the last one is a split or a system.
        known: All splits and systems of the run.
    """
    file = run / folder / f"{SEPARATOR.join(map(file_name, names))}.jsonl"
    former = run / folder / f"{SEPARATOR.join(map(readable_name, names))}.jsonl"
    if former == file or file.exists() or not former.exists():
        return file
    others = set(known) - {names[-1]}
    return file if any(readable_name(names[-1]) == file_name(other) for other in others) else former
