"""Whole objects under one address of a bucket, by their names, through fsspec.

An object store has no append, no lock and no rename. What it has, and what is used here: an object is
written whole, a listing names what was written before, and an object can be created only if there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, TypeVar

from gisteval.errors import GistevalError, one_line

EXTRAS = {"s3": "s3"}
"""The schemes of addresses that commands take, with the extra that each needs."""

AT_A_TIME = 64
"""Objects that are fetched together: enough to hide the way to the store, few enough for the memory."""

Found = TypeVar("Found")


class ObjectStore:
    """The objects whose names begin with an address such as `s3://bucket/runs/first`."""

    def __init__(self, address: str) -> None:
        """Raises GistevalError if there is no such kind of store, or its extra is not installed."""
        import fsspec

        self.address = address.rstrip("/")
        scheme = address.partition("://")[0]
        try:
            self._system, self._root = fsspec.url_to_fs(self.address, use_listings_cache=False)
        except ImportError as error:
            extra = EXTRAS.get(scheme)
            how = f"run pip install 'gisteval[{extra}]'" if extra else one_line(error)
            raise GistevalError(f"{address} can't be reached: {how}") from error
        except ValueError as error:
            raise GistevalError(f"{address} can't be reached: {one_line(error)}") from error

    def list(self, folder: str = "") -> dict[str, str]:
        """The names of all objects, each with a text that changes whenever the object is written.

        folder: with a slash at its end, only those whose names begin with it.

        Names that would lead out of a folder are left out. Raises GistevalError if the store can't be read.
        """

        def found() -> Mapping[str, Mapping[str, Any]]:
            self._system.invalidate_cache()
            result: Mapping[str, Mapping[str, Any]] = self._system.find(
                self._path(folder).rstrip("/"), detail=True
            )
            return result

        start = len(self._root.rstrip("/")) + 1
        named = {path[start:]: info for path, info in self._asked("read", found).items()}
        return {name: _version(named[name]) for name in sorted(named) if _stays_inside(name)}

    def read(self, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
        """Objects by name, some at a time. Raises GistevalError if one can't be read."""
        for start in range(0, len(names), AT_A_TIME):
            some = names[start : start + AT_A_TIME]
            paths = [self._path(name) for name in some]
            found = self._asked("read", lambda paths=paths: self._system.cat(paths))  # type: ignore[misc]
            yield from ((name, found[path]) for name, path in zip(some, paths, strict=True))

    def write(self, name: str, content: bytes) -> None:
        """Write an object, or replace it. Raises GistevalError if that can't be done."""
        self._asked("written", lambda: self._system.pipe_file(self._path(name), content))

    def create(self, name: str, content: bytes) -> bool:
        """Write an object unless there is one; whether it was written. Raises GistevalError as `write`."""

        def made() -> bool:
            try:
                self._system.pipe_file(self._path(name), content, mode="create")
            except FileExistsError:
                return False
            return True

        return self._asked("written", made)

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _asked(self, what: str, ask: Callable[[], Found]) -> Found:
        try:
            return ask()
        except Exception as error:  # each library that speaks to a store has errors of its own
            raise GistevalError(f"{self.address} can't be {what} ({one_line(error)})") from error


def _version(info: Mapping[str, Any]) -> str:
    """What a listing says of an object's content: its hash, or else size and time."""
    tag = info.get("ETag") or info.get("etag")
    times = (info.get(name) for name in ("size", "mtime", "LastModified", "created"))
    return str(tag) if tag else " ".join(map(str, times))


def _stays_inside(name: str) -> bool:
    """Whether a name is a path below a folder on every system."""
    parts = PurePosixPath(name).parts
    plain = bool(parts) and not name.startswith("/") and "/".join(parts) == name and name.isprintable()
    return plain and ".." not in parts and not set('\\:*?"<>|') & set(name)
