"""Records on disk: append-only JSON Lines that survive a kill, and summaries replaced atomically."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import orjson

from gisteval.errors import GistevalError
from gisteval.files.foreign import LONGEST_ROW, open_file
from gisteval.records.json_object import WrongField, check_numbers

LOCK_FILE = ".lock"
"""Held by the process that writes a folder; it stays there, empty, when nobody does."""

NEW = ".new"
"""Ending of what is about to replace a file."""

_HALVES = re.compile("[\ud800-\udfff]")

_SPLIT = b'"split":"'

_SORTED_LINE = orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE


def repair(path: Path) -> int:
    """Cut off a torn last line (a writer was killed in the middle); returns the bytes removed."""
    if not path.exists():
        return 0
    with path.open("rb+") as stream:
        size = stream.seek(0, os.SEEK_END)
        end, block = size, 65536
        while end > 0:
            start = max(0, end - block)
            stream.seek(start)
            newline = stream.read(end - start).rfind(b"\n")
            if newline >= 0:
                end = start + newline + 1
                break
            end = start
        if end < size:
            stream.truncate(end)
    return size - end


def read_records(path: Path) -> Iterator[dict[str, object]]:
    """The records of one file, in order; a missing file has none. Raises GistevalError if damaged."""
    return (record for _, record in numbered_records(path))


def numbered_records(path: Path, split: str | None = None) -> Iterator[tuple[int, dict[str, object]]]:
    """The same with the number of each line, from 1.

    split: lines that name another split are passed over without decoding them, so one of them that is
    damaged is found where its own split is read. Other lines come whatever they hold.
    """
    if not path.exists():
        return
    wanted = None if split is None else f'{split}"'.encode("utf-8", "surrogatepass")
    with _open(path) as stream:
        for number, line in enumerate(iter(lambda: stream.readline(LONGEST_ROW), b""), 1):
            if not line.endswith(b"\n"):
                if len(line) == LONGEST_ROW:
                    raise _damaged(path, number)
                return
            if wanted is not None and _names_another(line, wanted):
                continue
            try:
                record = _decoded(line)
            except (ValueError, RecursionError) as error:
                raise _damaged(path, number) from error
            if not isinstance(record, dict):
                raise _damaged(path, number)
            yield number, record


def _names_another(line: bytes, wanted: bytes) -> bool:
    """Whether a line names another split, in letters that need no decoding.

    wanted: the split with its closing quote. A quote inside a text is escaped, so what is found is a field.
    """
    field = line.find(_SPLIT)
    if field < 0:
        return False
    start = field + len(_SPLIT)
    return not line.startswith(wanted, start) and b"\\" not in line[start : line.find(b'"', start)]


def _open(path: Path) -> BinaryIO:
    try:
        return open_file(path)
    except ValueError as error:
        raise GistevalError(f"{path} can't be read ({error}): put the file itself there") from error


def _decoded(line: bytes) -> Any:
    """What a line holds. orjson is ten times as fast as json, but reads no half of a surrogate pair."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return json.loads(line)


def _encoded(record: Mapping[str, object]) -> bytes:
    try:
        return orjson.dumps(record, option=_SORTED_LINE)
    except orjson.JSONEncodeError:  # it writes no half of a surrogate pair, and no number beyond 64 bits
        check_numbers(record)
        text = json.dumps(record, ensure_ascii=False, sort_keys=True) + "\n"
        return text.encode("utf-8", "surrogatepass")


def _damaged(path: Path, number: int) -> GistevalError:
    return GistevalError(f"{path}, line {number} is damaged: delete that line and run again")


class RecordWriter:
    """Appends records to one file; what was written is on disk after each call of `write`."""

    def __init__(self, path: Path) -> None:
        """Repairs the file's tail first, so that appending never joins two records."""
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            repair(path)
            self._stream = path.open("ab")
        except OSError as error:
            raise disk_error(path, error) from error

    def write(self, records: Iterable[Mapping[str, object]]) -> None:
        """Append and flush. Raises GistevalError if the disk is full, or a number can't be read back."""
        try:
            lines = b"".join(map(_encoded, records))
        except WrongField as error:
            raise GistevalError(f"{self._path} can't hold a record: {error}") from error
        try:
            self._stream.write(lines)
            self._stream.flush()
        except OSError as error:
            raise disk_error(self._path, error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self._stream.close()
        except OSError as failure:
            if error is None:
                raise disk_error(self._path, failure) from failure


@contextmanager
def only_writer(folder: Path, patience: float = 0.0) -> Iterator[None]:
    """Keep other writers out of a folder; the system ends this with the process, however that ends.

    Readers need no such lock: they see whole records, and whole old or new files. patience: seconds to
    wait for another writer. Raises GistevalError naming the process that is at work there, or if the
    folder can't be written.
    """
    from filelock import FileLock, Timeout

    path = folder / LOCK_FILE
    lock = FileLock(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=patience)
    except Timeout:
        # Not a cause: it would be printed by callers from Python, and says less.
        raise GistevalError(_locked(folder, path)) from None
    except OSError as error:
        raise disk_error(path, error) from error
    try:
        with suppress(OSError):  # a full disk: the lock holds without the name
            path.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            os.truncate(path, 0)
        lock.release()


def _locked(folder: Path, lock: Path) -> str:
    """Why a folder can't be written now, and what to do about it."""
    holder = ""
    with suppress(OSError, UnicodeError):  # some systems let nobody read a locked file
        holder = " ".join(lock.read_text(encoding="utf-8")[:200].split())
    found = re.fullmatch(r"process (\d{1,9}) on (.*)", holder)
    if found and found[2] == platform.node() and not _runs(int(found[1])):
        return (
            f"{lock} was left behind by process {found[1]}, which has ended (this disk has no locks of the "
            "system): delete that file and run the same command again"
        )
    return (
        f"{folder} is being written by {holder or 'another process'}: wait until it ends, or choose another"
        f" folder (if nothing is running there, delete {lock})"
    )


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replace a file's content in one step; readers see the old or the new one.

    Nothing is written through a link that lies in the way: the new file is always a file of its own.
    Raises GistevalError if it can't be written; the old content is still there then.
    """
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    beside = path.with_name(path.name + NEW)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):
            beside.unlink()  # of a killed process, or a link that somebody planted
        with beside.open("xb") as stream:  # exclusive creation never follows a link
            stream.write(data)
        os.replace(beside, path)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise disk_error(path, error) from error


def write_json(path: Path, content: Any) -> None:
    """`write_atomic` of strict JSON (no NaN or infinity), which every reader of UTF-8 can read.

    A path's byte that is no text is half of a surrogate pair in Python: only an escape can hold it.
    """
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    if _HALVES.search(text):
        text = json.dumps(content, indent=1, allow_nan=False)
    write_atomic(path, text + "\n")


def disk_error(path: Path, error: OSError) -> GistevalError:
    """What to say of a file, or folder, that can't be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return GistevalError(
            f"no disk space left for {path}: free some and run the same command again, "
            "what was written is kept"
        )
    return GistevalError(f"{path} can't be written ({error.strerror or error}): choose another --output")
