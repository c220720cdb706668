"""What a mirror knows of its bucket since it last read or wrote there."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TypeAlias

from gisteval.errors import GistevalError
from gisteval.files.foreign import read_json
from gisteval.records.store import write_json

STATE = "state.json"

Mark: TypeAlias = list[int]
"""Size and time of a file: equal as long as nobody wrote it."""


@dataclass(slots=True)
class JournalState:
    """The part of an append-only file that is in the bucket.

    Attributes:
        epoch: How often the file was written anew.
        end: Bytes of the file that are in the bucket, from its beginning.
        digest: SHA-256 of those bytes.
        names: The objects that hold them.
    """

    epoch: int = 0
    end: int = 0
    digest: str = ""
    names: list[str] = field(default_factory=list)


@dataclass(slots=True)
class FileState:
    """Any other file. version: of the object that was read; None once it was written from here."""

    mark: Mark
    version: str | None = None


@dataclass(slots=True)
class State:
    """By file name below the mirror's folder. marks: of journals and manifests when they were pushed."""

    journals: dict[str, JournalState] = field(default_factory=dict)
    files: dict[str, FileState] = field(default_factory=dict)
    marks: dict[str, Mark] = field(default_factory=dict)

    @classmethod
    def read(cls, home: Path) -> State:
        """The state that was kept in a folder, or a new one. Raises GistevalError if it is damaged."""
        file = home / STATE
        if not file.is_file():
            return cls()
        try:
            found = read_json(file)
            return cls(
                {name: JournalState(**values) for name, values in found["journals"].items()},
                {name: FileState(**values) for name, values in found["files"].items()},
                dict(found["marks"]),
            )
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise GistevalError(
                f"{file} is damaged: delete that file and run the same command again"
            ) from error

    def write(self, home: Path) -> None:
        """Keep it. Raises GistevalError if it can't be written."""
        write_json(home / STATE, asdict(self))


def mark_of(path: Path) -> Mark:
    """A file's mark. Raises OSError."""
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]
