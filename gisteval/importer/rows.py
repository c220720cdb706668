"""Rows of named texts from a file of predictions."""

from __future__ import annotations

from pathlib import Path
from typing import TypeAlias

from gisteval.errors import GistevalError
from gisteval.files.tables import read_table

PredictionRow: TypeAlias = dict[str, object]


def read_rows(path: Path) -> list[PredictionRow]:
    """All rows of a file, at least one. The file is CSV unless its name says otherwise.

    Raises:
        GistevalError: There is no such file, or it has no rows.
    """
    if not path.is_file():
        raise GistevalError(f"{path}: no such file; give a CSV, JSON or JSON Lines file")
    rows: list[PredictionRow] = list(read_table(path, otherwise=".csv"))
    if not rows:
        raise GistevalError(f"{path}: no rows to score; check what wrote the file")
    return rows


def texts(rows: list[PredictionRow], column: str, path: Path) -> list[str]:
    """The texts of one column. Raises GistevalError if a row has no text there."""
    columns = dict.fromkeys(name for row in rows for name in row)
    if column not in columns:
        raise GistevalError(
            f"{path}: no column {column!r}; it has {', '.join(columns)}: name the right one"
        )
    texts: list[str] = []
    for number, row in enumerate(rows, start=1):
        text = row.get(column)
        if not isinstance(text, str):
            raise GistevalError(
                f"{path}: row {number} has no text in column {column!r}; "
                "write a string, an empty one if there is no output"
            )
        texts.append(text)
    return texts
