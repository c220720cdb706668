"""A cache of replies that were paid for: one SQLite file, keyed by comparison.

A comparison's key covers everything that can change the answer, so judges never share a reply. Only
readable replies are stored. A request that failed, or whose reply could not be read, is sent again.

The cache is optional, since a run's folder holds all of its replies. A damaged file is set aside. A file
that is no cache is left alone.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Self

from gisteval.errors import GistevalError
from gisteval.judging.replies import Reply

log = logging.getLogger(__name__)

_MOST_KEYS = 500  # SQLite's oldest limit of variables in a query is 999
_COLUMNS = "key, text, prompt_tokens, completion_tokens, finish_reason"
_HEADER = b"SQLite format 3\0"
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class ReplyCache:
    """A file of replies; several processes may use it at once."""

    def __init__(self, path: Path) -> None:
        """Open the file, or create it.

        A damaged file is set aside, and a new one is started. A file that holds something else is left
        alone, and this object's replies are then in memory only. The log warns of both.

        Raises:
            GistevalError: The file can't be opened or created.
        """
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._database = _open(path)
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode not in _DAMAGED:
                    raise
                self._database = _open(_set_aside(path, error))
        except (OSError, sqlite3.Error) as error:
            raise self._broken(error) from error

    def get(self, keys: Sequence[str]) -> dict[str, Reply]:
        """Return the stored replies by key; keys that are not stored are left out."""
        replies = {}
        try:
            for start in range(0, len(keys), _MOST_KEYS):
                chunk = keys[start : start + _MOST_KEYS]
                marks = ",".join("?" * len(chunk))
                query = f"SELECT {_COLUMNS} FROM replies WHERE key IN ({marks})"
                for key, text, prompt, completion, reason in self._database.execute(query, chunk):
                    # SQLite does not enforce column types, and the file may come from anywhere.
                    if isinstance(text, str) and type(prompt) is int and type(completion) is int:
                        finish_reason = reason if isinstance(reason, str) else None
                        replies[key] = Reply(text, prompt, completion, finish_reason)
        except sqlite3.Error as error:
            raise self._broken(error) from error
        return replies

    def put(self, replies: Sequence[tuple[str, Reply]], patience: float = 30.0) -> None:
        """Store replies; they are on disk when this returns. A text that UTF-8 can't encode is skipped.

        Args:
            replies: Keys with their replies.
            patience: Seconds to wait for another process that is writing.

        Raises:
            GistevalError: The file can't be written.
        """
        rows = [
            (key, r.text, r.prompt_tokens, r.completion_tokens, r.finish_reason)
            for key, r in replies
            if _has_utf8(f"{r.text}{r.finish_reason}")
        ]
        try:
            self._database.execute(f"PRAGMA busy_timeout={int(1000 * patience)}")
            with self._database:
                self._database.executemany(
                    f"INSERT OR REPLACE INTO replies ({_COLUMNS}) VALUES (?, ?, ?, ?, ?)", rows
                )
        except sqlite3.Error as error:
            raise self._broken(error) from error

    def _broken(self, error: Exception) -> GistevalError:
        return GistevalError(f"cache {self._path}: {error}: choose another --cache, or delete that file")

    def __enter__(self) -> Self:
        """Return the open object."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the file."""
        self._database.close()


def _has_utf8(text: str) -> bool:
    """Whether UTF-8 can encode a text, that is, whether it holds no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _open(place: Path | str) -> sqlite3.Connection:
    """Open a file, or ":memory:", and make sure that it has the table of replies."""
    # One thread uses it at a time, not always the thread that opens it.
    database = sqlite3.connect(place, timeout=30.0, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=NORMAL")
        database.execute(
            "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, text TEXT NOT NULL,"
            " prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, finish_reason TEXT)"
            " WITHOUT ROWID"
        )
        _add_finish_reason(database)
    except BaseException:
        database.close()
        raise
    return database


def _add_finish_reason(database: sqlite3.Connection) -> None:
    """Add the column that files of earlier versions lack."""
    columns = {row[1] for row in database.execute("PRAGMA table_info(replies)")}
    if "finish_reason" not in columns:
        try:
            database.execute("ALTER TABLE replies ADD COLUMN finish_reason TEXT")
        except sqlite3.OperationalError as error:
            if "duplicate column" not in str(error):  # another process was faster
                raise


def _set_aside(path: Path, error: sqlite3.Error) -> Path | str:
    """Move a damaged file away. A file that never was a database stays where it is.

    Args:
        path: The file that SQLite can't read.
        error: What SQLite said about it.

    Returns:
        The database to use instead: the same path, or ":memory:".
    """
    with path.open("rb") as stream:
        start = stream.read(len(_HEADER))
    if start != _HEADER and start.strip(b"\0"):
        log.warning(
            "%s is no cache (%s): it is left alone, and replies are kept in verdicts/ only", path, error
        )
        return ":memory:"
    aside = next(
        place
        for number in count(1)
        if not (place := path.with_name(f"{path.name}.damaged-{number}")).exists()
    )
    os.replace(path, aside)
    for ending in ("-wal", "-shm"):  # SQLite would read them into the new file
        with suppress(FileNotFoundError):
            os.replace(f"{path}{ending}", f"{aside}{ending}")
    log.warning("cache %s is damaged (%s): it was moved to %s, and a new one is begun", path, error, aside)
    return path
