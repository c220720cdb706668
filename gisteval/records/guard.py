"""Which folders a run may be read from, and written to."""

from __future__ import annotations

import os
from pathlib import Path

from gisteval.errors import GistevalError
from gisteval.logs import LOG_FILE
from gisteval.records.manifest import MANIFEST
from gisteval.records.store import LOCK_FILE, NEW


def check_free(run: Path) -> None:
    """Whether a run can be started, or continued, in a folder.

    Raises:
        GistevalError: It is a file, or holds something else than a run.
    """
    if run.exists() and not run.is_dir():
        raise GistevalError(f"{run} is a file: choose a folder as --output")
    # What a command leaves that was killed before its manifest was there.
    harmless = {MANIFEST, MANIFEST + NEW, LOCK_FILE, LOG_FILE}
    names = {entry.name for entry in run.iterdir()} if run.exists() else set()
    if names - harmless and MANIFEST not in names:
        raise GistevalError(f"{run} is not empty and holds no run: choose another --output")
    check_no_links(run)


def check_no_links(run: Path) -> None:
    """Refuse a run folder with a link in it: a command would read or write what lies at its other end.

    The folder itself may be reached through a link, since the user names it.

    Raises:
        GistevalError: There is a link.
    """
    for folder, folders, files in os.walk(run):
        for name in (*folders, *files):
            path = Path(folder, name)
            if path.is_symlink():
                raise GistevalError(
                    f"{path} is a link, and a run folder holds none: delete it, or copy the folder with "
                    "its files (cp -rL) if you trust where it points"
                )
