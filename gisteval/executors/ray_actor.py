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
        self._work = make()

    def ready(self) -> int:
        """The worker's process id, once it is set up."""
        return os.getpid()

    def do(self, task: Any) -> Reply:
        """Work on a task. Only an unexpected error is raised."""
        value: Any = None
        refusal: GistevalError | None = None
        try:
            value = self._work(task)
        except InvalidRun as error:
            refusal = InvalidRun(str(error))
        except GistevalError as error:
            refusal = GistevalError(str(error))  # a plain one: not all kinds survive pickling
        except SystemExit as error:  # Ray would take it for the worker's death, and try again elsewhere
            raise RuntimeError(f"SystemExit: {error}") from error
        return Reply(value, refusal, self._warnings.taken())


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
