"""Replies that were paid for, in one SQLite file, by the key of the look they answer.

A key holds everything that can change the answer, so judges never share a reply. Only replies are stored: a
call that failed, or whose reply could not be read, is asked again.

The cache is optional, since all replies of a run are kept in its folder: a damaged file is set aside, and a
file that is no cache is left alone.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Self

from gisteval.errors import GistevalError

log = logging.getLogger(__name__)

_MOST_KEYS = 500  # SQLite's oldest limit of variables in a query is 999
_COLUMNS = "key, text, prompt_tokens, completion_tokens, finish_reason"
_HEADER = b"SQLite format 3\0"
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


@dataclass(frozen=True, slots=True)
class Reply:
    """The raw text, what it took, and why it ended ("stop", "length", ...; None: nobody said)."""

    text: str
    prompt_tokens: int
    completion_tokens: int
    finish_reason: str | None = None


class ReplyCache:
    """A file of replies; several processes may use it at once."""

    def __init__(self, path: Path) -> None:
        """Open or make the file. Raises GistevalError if it can't be opened or made.

        A warning says so if the file is damaged, and a new one is begun in its place. A file that holds
        something else is left alone, after a warning too: this object's replies are then in memory only.
        """
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._base = self._open(path)
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode not in _DAMAGED:
                    raise
                self._base = self._open(self._replacement(error))
        except (OSError, sqlite3.Error) as error:
            raise self._broken(error) from error

    def _open(self, place: Path | str) -> sqlite3.Connection:
        """A connection to a file, or to ":memory:", that has the table of replies."""
        # Used by one thread at a time, which need not be the one that opens it.
        base = sqlite3.connect(place, timeout=30.0, check_same_thread=False)
        try:
            base.execute("PRAGMA journal_mode=WAL")
            base.execute("PRAGMA synchronous=NORMAL")
            base.execute(
                "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, text TEXT NOT NULL,"
                " prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, finish_reason TEXT)"
                " WITHOUT ROWID"
            )
            _add_finish_reason(base)
        except BaseException:
            base.close()
            raise
        return base

    def _replacement(self, error: sqlite3.Error) -> Path | str:
        """Where to go on instead of a file that SQLite can't read; a damaged one is moved away."""
        with self._path.open("rb") as stream:
            start = stream.read(len(_HEADER))
        if start != _HEADER and start.strip(b"\0"):
            log.warning(
                "%s is no cache (%s): it is left alone, and replies are kept in verdicts/ only",
                self._path,
                error,
            )
            return ":memory:"
        aside = next(
            place
            for number in count(1)
            if not (place := self._path.with_name(f"{self._path.name}.damaged-{number}")).exists()
        )
        os.replace(self._path, aside)
        for ending in ("-wal", "-shm"):  # SQLite would read them into the new file
            with suppress(FileNotFoundError):
                os.replace(f"{self._path}{ending}", f"{aside}{ending}")
        log.warning(
            "cache %s is damaged (%s): it was moved to %s, and a new one is begun", self._path, error, aside
        )
        return self._path

    def get(self, keys: Sequence[str]) -> dict[str, Reply]:
        """The known ones of some keys."""
        found = {}
        try:
            for start in range(0, len(keys), _MOST_KEYS):
                part = keys[start : start + _MOST_KEYS]
                marks = ",".join("?" * len(part))
                query = f"SELECT {_COLUMNS} FROM replies WHERE key IN ({marks})"
                for key, text, given, made, ended in self._base.execute(query, part):
                    # SQLite holds a column to no type, and the file may be somebody else's.
                    if isinstance(text, str) and type(given) is int and type(made) is int:
                        found[key] = Reply(text, given, made, ended if isinstance(ended, str) else None)
        except sqlite3.Error as error:
            raise self._broken(error) from error
        return found

    def put(self, replies: Sequence[tuple[str, Reply]], patience: float = 30.0) -> None:
        """Store replies by key; on disk when it returns. A text that UTF-8 can't hold is left out.

        patience: seconds to wait for another process that writes. Raises GistevalError if it can't be done.
        """
        rows = [
            (key, r.text, r.prompt_tokens, r.completion_tokens, r.finish_reason)
            for key, r in replies
            if _has_utf8(r.text)
        ]
        try:
            self._base.execute(f"PRAGMA busy_timeout={int(1000 * patience)}")
            with self._base:
                self._base.executemany(
                    f"INSERT OR REPLACE INTO replies ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)", rows
                )
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> GistevalError:
        return GistevalError(f"cache {self._path}: {error}: choose another --cache, or delete that file")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._base.close()


def _has_utf8(text: str) -> bool:
    """Whether a text has no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _add_finish_reason(base: sqlite3.Connection) -> None:
    """Files of earlier versions lack the column."""
    columns = {row[1] for row in base.execute("PRAGMA table_info(replies)")}
    if "finish_reason" not in columns:
        try:
            base.execute("ALTER TABLE replies ADD COLUMN finish_reason TEXT")
        except sqlite3.OperationalError as error:
            if "duplicate column" not in str(error):  # another process was faster
                raise
