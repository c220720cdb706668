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
        self._function = make()

    def ready(self) -> int:
        """Return the worker's process id, once it is set up."""
        return os.getpid()

    def do(self, task: Any) -> Reply:
        """Do a task. Expected errors are part of the reply, and unexpected ones are raised."""
        value: Any = None
        refusal: GistevalError | None = None
        try:
            value = self._function(task)
        except InvalidRun as error:
            refusal = InvalidRun(str(error))
        except GistevalError as error:
            refusal = GistevalError(str(error))  # a plain one, since not all subclasses survive pickling
        except SystemExit as error:  # Ray would treat it as the worker's death and retry it elsewhere
            raise RuntimeError(f"SystemExit: {error}") from error
        return Reply(value, refusal, self._warnings.taken())


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
