"""What a command says while it works: lines on stderr, and all of them in the log.txt of its run.

On a terminal a progress bar says the same, so there the lines go to the log alone. A program that imports
gisteval hears nothing, unless it asks for the loggers below.
"""

from __future__ import annotations

import logging
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from gisteval.errors import GistevalError, one_line, printable, printable_lines

LOG_FILE = "log.txt"

progress = logging.getLogger("gisteval.progress")
"""What has begun, and how far it is. Any part may say so here."""

log_only = logging.getLogger("gisteval.log_only")
"""What is said on stderr by other means, or is too long for it: for log.txt alone."""

for _logger in (progress, log_only):
    _logger.setLevel(logging.INFO)
    _logger.propagate = False
    _logger.addHandler(logging.NullHandler())

_hushed: ContextVar[bool] = ContextVar("hushed", default=False)
"""Whether progress is for the log alone."""

_TRACEBACK = "gisteval_traceback_file"
"""Attribute of an unexpected error whose traceback has been written."""


class OneLine(logging.Formatter):
    """Names and texts in a line can't break it, or look like a line of their own."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The message with every control character replaced by a space."""
        text = super().formatMessage(record)
        return printable_lines(text) if getattr(record, "lines", False) else printable(text)


class ProgressOnStderr(logging.Handler):
    """`[ 1:05] text` on stderr where no bar can be drawn: minutes and seconds since the command began."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._start = time.monotonic()

    def emit(self, record: logging.LogRecord) -> None:
        """Print the line; a terminal has a bar instead."""
        if sys.stderr.isatty() or is_hushed():
            return
        minutes, seconds = divmod(int(time.monotonic() - self._start), 60)
        try:
            said = printable(record.getMessage())
            print(f"[{minutes:2}:{seconds:02}] {said}", file=sys.stderr, flush=True)
        except OSError:  # whatever read stderr is gone; the log has the line
            self.handleError(record)


@contextmanager
def progress_on_stderr() -> Iterator[None]:
    """Inside, progress is said on stderr unless that is a terminal."""
    handler = ProgressOnStderr()
    progress.addHandler(handler)
    try:
        yield
    finally:
        progress.removeHandler(handler)


@contextmanager
def hushed(hush: bool = True) -> Iterator[None]:
    """Inside, progress is said in the log alone, by lines and by bars. hush: False changes nothing."""
    token = _hushed.set(hush or is_hushed())
    try:
        yield
    finally:
        _hushed.reset(token)


def is_hushed() -> bool:
    """Whether progress is for the log alone."""
    return _hushed.get()


class _RunLog(logging.FileHandler):
    """A file that may become unwritable: a line that does not fit is lost, and nothing else."""

    failed = False

    def handleError(self, record: logging.LogRecord) -> None:
        """Remember it, where logging would print a traceback."""
        self.failed = True

    def close(self) -> None:
        """Close the file, whose last line may be lost as well."""
        with suppress(OSError):
            super().close()


@contextmanager
def run_log(folder: Path) -> Iterator[None]:
    """Inside, what is said goes into the folder's log.txt too; so does the error that ends it.

    An unexpected error is marked with the file that has its traceback (see `traceback_file`). A file that
    can't be written costs the log, not the run.
    """
    path = folder / LOG_FILE
    try:
        handler: logging.Handler = _RunLog(path, encoding="utf-8", errors="backslashreplace")
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(OneLine("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    heard = (progress, log_only, logging.getLogger())
    for logger in heard:
        logger.addHandler(handler)
    try:
        yield
    except GistevalError as error:
        log_only.info("stopped: %s", " ".join(str(error).split()))
        raise
    except (KeyboardInterrupt, GeneratorExit):
        log_only.info("interrupted")
        raise
    except BaseException as error:
        lines = "".join(traceback.format_exception(error)).rstrip()
        log_only.info("stopped by an unexpected error\n%s", lines, extra={"lines": True})
        if isinstance(handler, _RunLog) and not handler.failed and traceback_file(error) is None:
            setattr(error, _TRACEBACK, path)
        raise
    finally:
        for logger in heard:
            logger.removeHandler(handler)
        handler.close()


def traceback_file(error: BaseException) -> Path | None:
    """The log that has the traceback of an unexpected error; None if it was in no run."""
    path: Path | None = getattr(error, _TRACEBACK, None)
    return path


def unexpected_line(error: BaseException, command: str) -> str:
    """What to say of an unexpected error: that it is a bug, where its traceback is, what to do."""
    file = write_traceback(error, command)
    where = "no file for its traceback could be written" if file is None else f"its traceback is in {file}"
    return (
        f"{type(error).__name__}: {one_line(error)} (this is a bug in gisteval, and {where}: please report "
        "it to the project with that file and the command)"
    )


def write_traceback(error: BaseException, command: str) -> Path | None:
    """The file that has the traceback: a run's log, else a new one among the temporary files.

    None where nothing can be written.
    """
    known = traceback_file(error)
    if known is not None:
        return known
    try:
        with tempfile.NamedTemporaryFile(
            "w",
            prefix="gisteval-",
            suffix=".log",
            delete=False,
            encoding="utf-8",
            errors="backslashreplace",
        ) as file:
            said = "".join(traceback.format_exception(error))
            file.write(f"{printable(command)}\n{printable_lines(said)}")
            return Path(file.name)
    except OSError:
        return None
