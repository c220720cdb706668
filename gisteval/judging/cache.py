"""Replies that were paid for, in one SQLite file, by the key of the look they answer.

A key holds everything that can change the answer, so judges never share a reply. Only replies are stored: a
call that failed, or whose reply could not be read, is asked again.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from gisteval.errors import GistevalError

_MOST_KEYS = 500  # SQLite's oldest limit of variables in a query is 999
_COLUMNS = "key, text, prompt_tokens, completion_tokens, finish_reason"


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
        """Opens or makes the file. Raises GistevalError if it can't be, or is something else."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Used by one thread at a time, which need not be the one that opens it.
            self._base = sqlite3.connect(path, timeout=30.0, check_same_thread=False)
            self._base.execute("PRAGMA journal_mode=WAL")
            self._base.execute("PRAGMA synchronous=NORMAL")
            self._base.execute(
                "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, text TEXT NOT NULL,"
                " prompt_tokens INTEGER NOT NULL, completion_tokens INTEGER NOT NULL, finish_reason TEXT)"
                " WITHOUT ROWID"
            )
            self._add_finish_reason()
        except (OSError, sqlite3.Error) as error:
            raise self._broken(error) from error

    def _add_finish_reason(self) -> None:
        """Files of earlier versions lack the column."""
        columns = {row[1] for row in self._base.execute("PRAGMA table_info(replies)")}
        if "finish_reason" not in columns:
            try:
                self._base.execute("ALTER TABLE replies ADD COLUMN finish_reason TEXT")
            except sqlite3.OperationalError as error:
                if "duplicate column" not in str(error):  # another process was faster
                    raise

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
