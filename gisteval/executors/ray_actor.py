"""The shell around what runs in a Ray worker's process: light, so that simulated ones are."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gisteval.errors import GistevalError, InvalidRun


@dataclass(frozen=True, slots=True)
class Reply:
    """What came of a task: a value or an expected error, and what was warned of meanwhile."""

    value: Any
    refusal: GistevalError | None
    warnings: tuple[str, ...]


class Actor:
    """One worker: a callable made in its own process, asked one task after the other."""

    def __init__(self, make: Callable[[], Callable[[Any], Any]]) -> None:
        self._warnings = _Kept()
        logging.getLogger("gisteval").addHandler(self._warnings)
        _quiet_libraries()
        self._fault: BaseException | None = None
        try:
            self._work = make()
        except BaseException as error:  # raised here, Ray would take it for the worker's death
            self._fault = error

    def ready(self) -> int | GistevalError:
        """The worker's process id, or the expected error that its setup ended in; any other is raised."""
        if self._fault is None:
            return os.getpid()
        return _portable(self._fault)

    def do(self, task: Any) -> Reply:
        """Work on a task. Only an unexpected error is raised."""
        value: Any = None
        refusal: GistevalError | None = None
        try:
            value = self._work(task)
        except BaseException as error:
            refusal = _portable(error)
        return Reply(value, refusal, self._warnings.taken())


def _portable(error: BaseException) -> GistevalError:
    """An expected error that survives pickling. An unexpected one is raised, never as a SystemExit."""
    if isinstance(error, InvalidRun):
        return InvalidRun(str(error))
    if isinstance(error, GistevalError):
        return GistevalError(str(error))  # a plain one: not all kinds survive pickling
    if isinstance(error, SystemExit):  # Ray would take it for the worker's death, and try again elsewhere
        raise RuntimeError(f"SystemExit: {error}") from error
    raise error


class _Kept(logging.Handler):
    """Warnings travel with the next reply, because nobody reads a worker's own log."""

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
