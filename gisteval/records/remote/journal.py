"""Append-only files in a bucket, where nothing can be appended: a file is the sum of its parts.

`generations/SYSTEM.jsonl` is stored as `generations/SYSTEM.jsonl.parts/EPOCH-DIGEST`, an object for each
piece that somebody appended. An object is named by its content and never written again. So whoever writes
at the same time adds objects of his own, and no record is lost. A file that was written anew, such as
verdicts that were read again, begins the next epoch: its objects count, and those of former epochs don't.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import BinaryIO

from gisteval.errors import GistevalError
from gisteval.files.foreign import LONGEST_ROW
from gisteval.files.object_store import ObjectStore
from gisteval.records.remote.state import JournalState
from gisteval.records.store import NEW, disk_error, repair

PARTS = ".parts/"
FOLDERS = ("generations", "verdicts")

_PART = re.compile(r"(\d{3})-([0-9a-f]{64})")
_BLOCK = 1 << 20


def is_journal(name: str) -> bool:
    """Whether a file below a mirror's folder is only ever appended to."""
    folders = name.split("/")[:-1]
    return bool(folders) and folders[-1] in FOLDERS and name.endswith(".jsonl")


def parts_by_file(listed: Iterable[str]) -> dict[str, dict[int, list[str]]]:
    """The parts in a listing, by file and epoch."""
    found: dict[str, dict[int, list[str]]] = {}
    for name in listed:
        file, mark, part = name.rpartition(PARTS)
        match = _PART.fullmatch(part)
        if mark and match and is_journal(file):
            found.setdefault(file, {}).setdefault(int(match[1]), []).append(name)
    return found


def push_journal(store: ObjectStore, name: str, path: Path, state: JournalState) -> None:
    """Put into the bucket what was appended since the last push, up to the last whole line.

    An object holds at most as much as the longest line that a file may have.

    Raises:
        GistevalError: The bucket can't be written.
    """
    with path.open("rb") as stream:
        _begin_epoch_if_rewritten(stream, state)
        pushed = _hashed(stream, state.end)
        while True:
            stream.seek(state.end)
            tail = stream.read(LONGEST_ROW)
            tail = tail[: tail.rfind(b"\n") + 1]
            if not tail:
                return
            part = f"{name}{PARTS}{state.epoch:03}-{hashlib.sha256(tail).hexdigest()}"
            store.write(part, tail)
            if part not in state.names:
                state.names.append(part)
            state.end += len(tail)
            pushed.update(tail)
            state.digest = pushed.hexdigest()


def pull_journal(
    store: ObjectStore, path: Path, state: JournalState, listed: Mapping[int, list[str]]
) -> None:
    """Add what others appended to the file here. What was not pushed from here yet stays, at its end.

    listed: the file's parts in the bucket, by epoch.

    Raises:
        GistevalError: The bucket can't be read, a part is damaged, or the file can't be written.
    """
    if path.exists():
        repair(path)
        with path.open("rb") as stream:
            _begin_epoch_if_rewritten(stream, state)
    else:
        state.end, state.names = 0, []
    unsaved, latest = state.end, max(listed, default=0)
    if latest > state.epoch:
        state.epoch, state.end, state.names = latest, 0, []
    parts = listed.get(state.epoch, [])
    if not set(state.names) <= set(parts):
        state.end, state.names = 0, []  # somebody deleted objects: what is here goes there again
        unsaved = 0
    new = [part for part in parts if part not in state.names]
    if new:
        _rewrite(store, path, state, new, unsaved)


def _rewrite(store: ObjectStore, path: Path, state: JournalState, new: list[str], unsaved: int) -> None:
    """Replace the file by what was known of the bucket, the new parts, and what lies behind `unsaved`."""
    beside = path.with_name(path.name + NEW)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        with beside.open("x+b") as stream:
            if path.exists():
                with path.open("rb") as before:
                    stream.write(before.read(state.end))
            for name, content in store.read(new):
                if name.endswith(hashlib.sha256(content).hexdigest()):
                    stream.write(content)
                else:
                    raise GistevalError(f"{store.address}/{name} is damaged: delete that object")
            end = stream.tell()
            if path.exists():
                with path.open("rb") as before:
                    before.seek(unsaved)
                    shutil.copyfileobj(before, stream)
            digest = _hashed(stream, end).hexdigest()
        os.replace(beside, path)
    except OSError as error:
        raise disk_error(path, error) from error
    finally:
        beside.unlink(missing_ok=True)
    state.end, state.digest = end, digest
    state.names += new


def _begin_epoch_if_rewritten(stream: BinaryIO, state: JournalState) -> None:
    """A file that no longer begins with what is in the bucket was written anew."""
    if state.end and _hashed(stream, state.end).hexdigest() != state.digest:
        state.epoch, state.end, state.names = state.epoch + 1, 0, []


def _hashed(stream: BinaryIO, end: int) -> hashlib._Hash:
    """SHA-256 of a file up to there, or of all of it where it is shorter."""
    stream.seek(0)
    found = hashlib.sha256()
    while end > 0 and (block := stream.read(min(end, _BLOCK))):
        found.update(block)
        end -= len(block)
    return found
