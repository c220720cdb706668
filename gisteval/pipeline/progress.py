"""Progress: a bar for each piece of work on a terminal, plain lines elsewhere and in the run's log."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from gisteval.errors import printable
from gisteval.logs import is_hushed, progress

EVERY = 15.0
"""Seconds between two lines at least, over all pieces of work that run at a time."""


@dataclass(slots=True)
class _Piece:
    name: str
    total: int | None
    done: int


class Work:
    """Pieces of work with their counts. A line says where a piece is now and then, and when it is done."""

    def __init__(self, bar: Progress, every: float = EVERY) -> None:
        self._bar, self._every = bar, every
        self._pieces: dict[TaskID, _Piece] = {}
        self._said = time.monotonic()

    def begin(self, name: str, total: int | None = None, done: int = 0) -> TaskID:
        """A piece of work; total None: nobody knows yet. done: what is there already."""
        name = printable(name)
        task = self._bar.add_task(name, total=total, completed=done)
        self._pieces[task] = _Piece(name, total, done)
        return task

    def advance(self, task: TaskID, steps: int) -> None:
        """So many more are done."""
        piece = self._pieces[task]
        piece.done += steps
        self._bar.advance(task, steps)
        if steps and piece.done == piece.total:
            self._say(piece, "done")
        elif time.monotonic() >= self._said + self._every:
            self._say(piece)

    def rename(self, task: TaskID, name: str) -> None:
        """What the piece is at now; said with its next line."""
        self._pieces[task].name = name = printable(name)
        self._bar.update(task, description=name)

    def _say(self, piece: _Piece, state: str = "") -> None:
        self._said = time.monotonic()
        count = f"{piece.done:,} of {piece.total:,}" if piece.total is not None else f"{piece.done:,}"
        progress.info("%s: %s%s", piece.name, count, f", {state}" if state else "")


@contextmanager
def working() -> Iterator[Work]:
    """Bars on stderr where that is a terminal; lines to the loggers in every case."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),  # names are others'
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=is_hushed() or not console.is_terminal) as bar:
        yield Work(bar)
