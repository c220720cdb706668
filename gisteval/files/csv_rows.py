"""Rows of CSV: which character parts the columns, and fields by the names of the header."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gisteval.errors import GistevalError
from gisteval.files.foreign import LONGEST_ROW

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

_OTHER_DELIMITERS = (";", "\t", ",")

HEAD = 1 << 20
"""Characters by which columns are told apart."""


def repeated(names: Sequence[str]) -> str:
    """The first of the names that stands there more than once."""
    return next(name for name, times in Counter(names).items() if times > 1)


def delimiter_of(head: str, named: str, path: Path) -> str:
    """The delimiter of the name; another if it alone makes the header several columns, and rows fit it."""
    whole = len(head) < HEAD
    lines = io.StringIO(head, newline="").readlines()[: None if whole else -1]

    def columns(delimiter: str) -> int:
        try:
            return len(next(csv.reader(lines, delimiter=delimiter), []))
        except csv.Error:
            return 0

    with _any_field_size():
        if columns(named) < 2:
            for other in _OTHER_DELIMITERS:
                if other != named and columns(other) > 1 and _fits(lines, other, path, whole):
                    return other
    return named


def _fits(lines: Sequence[str], delimiter: str, path: Path, whole: bool) -> bool:
    """Whether lines are rows of as many columns each. whole: nothing follows that may close a quote."""
    try:
        for _ in csv_rows(iter(lines), delimiter, path):
            pass
    except _NoCsv as error:
        return error.line >= len(lines) and not whole
    return True


class _NoCsv(GistevalError):
    """A row that is none of this delimiter. line: where it ends."""

    def __init__(self, path: Path, line: int, reason: str) -> None:
        super().__init__(
            f"{path}, line {line}: not CSV ({reason}); quote fields that hold commas, or name the file "
            ".json or .jsonl"
        )
        self.line = line


def csv_rows(lines: Iterator[str], delimiter: str, path: Path) -> Iterator[dict[str, str]]:
    """The rows by name. Raises GistevalError at one with more or fewer fields than the header."""
    # The csv module and neither pandas nor DictReader: they fill a row cut short with empty texts.
    reader = csv.reader(lines, strict=True, delimiter=delimiter)
    header = _next_row(reader, path) or []
    if len(set(header)) < len(header):
        raise GistevalError(f"{path}: several columns are named {repeated(header)!r}; rename them")
    while (fields := _next_row(reader, path)) is not None:
        if len(fields) not in (0, len(header)):
            reason = f"{len(fields)} fields, but the header has {len(header)}"
            raise _NoCsv(path, reader.line_num, reason)
        if fields:
            yield dict(zip(header, fields, strict=True))


def _next_row(reader: CsvReader, path: Path) -> list[str] | None:
    """The next row's fields; None behind the last."""
    with _any_field_size():
        try:
            return next(reader, None)
        except csv.Error as error:
            raise _NoCsv(path, reader.line_num, str(error)) from error


@contextmanager
def _any_field_size() -> Iterator[None]:
    """Let a field be long: the csv module stops at 128 KiB, a long prompt's size."""
    before = csv.field_size_limit(LONGEST_ROW)
    try:
        yield
    finally:
        csv.field_size_limit(before)
