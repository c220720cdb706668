"""Records of a run's files, as typed values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TypeVar

from gisteval.errors import GistevalError
from gisteval.records.json_object import WrongField, check_numbers
from gisteval.records.lines import from_json, with_current_names
from gisteval.records.schema import Example, Generation, Verdict
from gisteval.records.store import numbered_records

Record = TypeVar("Record", Example, Generation, Verdict)


def read_lines(path: Path, wanted: Mapping[str, str]) -> Iterator[tuple[int, dict[str, object]]]:
    """A file's numbered lines whose fields are as wanted; a missing file has none.

    Raises:
        GistevalError: A line lacks such a field, or it is no text.
    """
    for number, record in numbered_records(path, wanted.get("split")):
        for name, value in wanted.items():
            found = record.get(name)
            if type(found) is not str:
                raise no_record(path, number, TypeError(f"no text {name}"))
            if found != value:
                break
        else:
            yield number, record


def read_kind(path: Path, kind: type[Record], **wanted: str) -> Iterator[Record]:
    """The same as records of one kind."""
    for number, record in read_lines(path, wanted):
        try:
            check_numbers(record)
            yield from_json(kind, with_current_names(record))
        except (TypeError, WrongField) as error:
            raise no_record(path, number, error) from error


def read_examples(path: Path, split: str) -> tuple[Example, ...]:
    """The examples of a split; none if the file is missing. Those of the last few files are remembered.

    Scores, judges and the report ask for them once for each system.
    """
    if not path.exists():
        return ()
    found = path.stat()
    return _remembered(path, split, (found.st_ino, found.st_size, found.st_mtime_ns))


@lru_cache(4)
def _remembered(path: Path, split: str, version: tuple[int, int, int]) -> tuple[Example, ...]:
    """version: what changes with the file."""
    return tuple(read_kind(path, Example, split=split))


def no_record(path: Path, number: int, error: Exception) -> GistevalError:
    """What to say of a line that holds something else."""
    return GistevalError(f"{path}, line {number} is no record of this version ({error}): delete that line")
