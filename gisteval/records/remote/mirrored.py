"""A mirror for the time of a command: read at its start, written while it works and when it ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

from gisteval.errors import GistevalError
from gisteval.logs import progress
from gisteval.records.remote.mirror import Mirror

PAUSE = 30.0
"""Seconds between two pushes, so the most that a lost machine takes with it."""


@contextmanager
def mirrored(mirror: Mirror) -> Iterator[None]:
    """Inside, the mirror's folder is used as any other; what is written there goes to the bucket.

    Raises:
        GistevalError: The bucket can't be read at the start, or written at the end. The folder keeps
            everything then, and the same command goes on.
    """
    mirror.pull()
    over = Event()
    pushing = Thread(target=_push_until, args=(mirror, over), daemon=True)
    pushing.start()
    try:
        yield
    except BaseException:
        _stop(pushing, over)
        with suppress(GistevalError):  # the error that ended the command says more
            mirror.push()
        raise
    _stop(pushing, over)
    try:
        mirror.push()
    except GistevalError as error:
        raise GistevalError(
            f"{error}: what was written is kept in {mirror.folder}, and the same command takes it there"
        ) from error


def _push_until(mirror: Mirror, over: Event) -> None:
    while not over.wait(PAUSE):
        try:
            mirror.push()
        except GistevalError as error:  # the last push says it again, and ends the command
            progress.warning("%s", error)


def _stop(pushing: Thread, over: Event) -> None:
    over.set()
    pushing.join()
