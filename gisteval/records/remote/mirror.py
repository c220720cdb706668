"""A folder on this machine that holds what a bucket holds under one address.

Commands read and write the folder as any other: all promises of a local run hold there. `pull` brings what
others wrote, `push` takes what was written here. Nothing in the bucket is ever deleted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath

from gisteval.errors import GistevalError
from gisteval.files.cache import cache_folder
from gisteval.files.names import readable_name
from gisteval.files.object_store import ObjectStore
from gisteval.logs import LOG_FILE
from gisteval.records.remote.journal import PARTS, is_journal, parts_by_file, pull_journal, push_journal
from gisteval.records.remote.state import FileState, JournalState, State, mark_of
from gisteval.records.remote.versions import (
    VERSIONS,
    is_manifest,
    latest_versions,
    pull_manifest,
    push_manifest,
)
from gisteval.records.store import LOCK_FILE, NEW, only_writer, write_atomic

PATIENCE = 600.0
"""Seconds to wait for another command of this machine that reads or writes the same bucket."""

FINISHED = "entry.json"
"""Says that a sweep's entry is finished, so it is written after everything else."""


class Mirror:
    """The folder of an address and what is known of the bucket.

    Attributes:
        address: Such as `s3://bucket/runs/first`.
        folder: The folder, whose name is the address's last part.
    """

    def __init__(self, address: str, cache: Path | None = None) -> None:
        """Raises GistevalError if there is no such kind of store. cache: where mirrors are kept."""
        self._store = ObjectStore(address)
        self.address = self._store.address
        name = readable_name(self.address.rpartition("/")[2])
        cache = cache or cache_folder("mirrors")
        self._home = cache / f"{name}-{hashlib.sha256(self.address.encode()).hexdigest()[:12]}"
        self.folder = self._home / name

    def pull(self) -> None:
        """Bring what others wrote. A run that a command of this machine writes now is left alone.

        Raises:
            GistevalError: The bucket can't be read, or holds another run than the folder.
        """
        with self._known() as state:
            listed = self._store.list()
            manifests, parts = latest_versions(listed), parts_by_file(listed)
            files = {name for name in listed if PARTS not in name and VERSIONS not in name}
            names = sorted({*manifests, *parts, *files} - _own_names(files))
            with ExitStack() as locks:
                runs = {str(PurePosixPath(name).parent) for name in (*manifests, ".")}
                busy = {run for run in sorted(runs) if not self._hold(run, locks)}
                for name in names:
                    if busy.intersection(map(str, PurePosixPath(name).parents)) or self._in_the_way(name):
                        continue
                    path = self.folder / name
                    if name in manifests:
                        pull_manifest(self._store, name, manifests[name], path)
                    elif name in parts:
                        journal = state.journals.setdefault(name, JournalState())
                        pull_journal(self._store, path, journal, parts[name])
                    else:
                        self._pull_file(name, path, listed[name], state)
                self._forget_deleted(state, {*parts, *files, *manifests})

    def push(self) -> None:
        """Take there what was written here since the last push.

        Raises:
            GistevalError: The bucket can't be written, or holds another run. The folder keeps everything.
        """
        with self._known() as state:
            for name in self._names():
                path = self.folder / name
                with suppress(FileNotFoundError):  # deleted, or replaced, at this moment
                    self._push_file(name, path, state)

    def _push_file(self, name: str, path: Path, state: State) -> None:
        mark = mark_of(path)
        if is_manifest(name) or is_journal(name):
            if state.marks.get(name) == mark:
                return
            if is_manifest(name):
                push_manifest(self._store, name, path)
            else:
                push_journal(self._store, name, path, state.journals.setdefault(name, JournalState()))
            state.marks[name] = mark
        elif name not in state.files or state.files[name].mark != mark:
            self._store.write(name, path.read_bytes())
            state.files[name] = FileState(mark)

    def _pull_file(self, name: str, path: Path, version: str, state: State) -> None:
        known = state.files.get(name)
        with suppress(FileNotFoundError):
            if known and mark_of(path) != known.mark:
                return  # written here since: it will be pushed
            if known and version == known.version:
                return
        ((_, content),) = self._store.read([name])
        write_atomic(path, content)
        state.files[name] = FileState(mark_of(path), version)

    def _forget_deleted(self, state: State, there: set[str]) -> None:
        """What somebody deleted in the bucket is pushed again."""
        state.files = {name: known for name, known in state.files.items() if name in there}
        state.journals = {name: known for name, known in state.journals.items() if name in there}
        state.marks = {name: mark for name, mark in state.marks.items() if name in there}

    def _names(self) -> Iterator[str]:
        """Files to push: what says that something is finished comes last."""
        files = [path for path in self.folder.rglob("*") if path.is_file() and not path.is_symlink()]
        names = {path.relative_to(self.folder).as_posix() for path in files}

        def order(name: str) -> tuple[bool, bool, bool, str]:
            return name.endswith(FINISHED), not is_manifest(name), not is_journal(name), name

        yield from sorted(names - _own_names(names), key=order)

    def _hold(self, run: str, locks: ExitStack) -> bool:
        """Keep other commands of this machine out of a run; whether none was there."""
        try:
            locks.enter_context(only_writer(self.folder / run))
        except GistevalError:
            return False
        return True

    def _in_the_way(self, name: str) -> bool:
        """Whether a link lies where a file would be written: nothing is written through one."""
        return any((self.folder / part).is_symlink() for part in PurePosixPath(name).parents)

    @contextmanager
    def _known(self) -> Iterator[State]:
        """What is known of the bucket, kept again at the end however that comes."""
        with only_writer(self._home, PATIENCE):
            state = State.read(self._home)
            try:
                yield state
            finally:
                state.write(self._home)


def _own_names(names: set[str]) -> set[str]:
    """Names of files that are a machine's own: locks, the log, and what is about to replace a file."""
    own = {LOCK_FILE, LOG_FILE}
    return {name for name in names if name.endswith(NEW) or name.rpartition("/")[2] in own}
