"""The Ray actor of a worker. It imports little, so that simulated workers start quickly."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gisteval.errors import GistevalError, InvalidRun


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a task.

    Attributes:
        value: What the worker returned.
        refusal: The expected error that it raised instead, or None.
        warnings: Warnings logged during the task.
    """

    value: Any
    refusal: GistevalError | None
    warnings: tuple[str, ...]


class Actor:
    """One worker, which does one task after the other in its own process."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        """Set up a worker. `make` is called in its process and gives the function that does a task."""
        self._warnings = _WarningBuffer()
        logging.getLogger("gisteval").addHandler(self._warnings)
        _quiet_libraries()
        self._error: BaseException | None = None
        try:
            self._function = make()
        except BaseException as error:  # raised here, Ray would treat it as the worker's death
            self._error = error

    def ready(self) -> int | GistevalError:
        """Return the worker's process id, or the expected error of its setup. Any other error is raised."""
        if self._error is None:
            return os.getpid()
        return _portable(self._error)

    def do(self, task: Any) -> Reply:
        """Do a task. Expected errors are part of the reply, and unexpected ones are raised."""
        value: Any = None
        refusal: GistevalError | None = None
        try:
            value = self._function(task)
        except BaseException as error:
            refusal = _portable(error)
        return Reply(value, refusal, self._warnings.taken())


def _portable(error: BaseException) -> GistevalError:
    """Return an expected error that survives pickling. Any other is raised, but never as a SystemExit."""
    if isinstance(error, InvalidRun):
        return InvalidRun(str(error))
    if isinstance(error, GistevalError):
        return GistevalError(str(error))  # a plain one, since not all subclasses survive pickling
    if isinstance(error, SystemExit):  # Ray would treat it as the worker's death and retry it elsewhere
        raise RuntimeError(f"SystemExit: {error}") from error
    raise error


class _WarningBuffer(logging.Handler):
    """Collects warnings for the next reply, because nobody reads a worker's own log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._texts.append(record.getMessage())

    def taken(self) -> tuple[str, ...]:
        texts, self._texts = tuple(self._texts), []
        return texts


def _quiet_libraries() -> None:
    os.environ["TRANSFORMERS_VERBOSITY"] = "error"
    os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
