"""Rows of named texts from a file: CSV, TSV, JSON Lines or a JSON list, by its name; strictly UTF-8."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from gisteval.errors import GistevalError, one_line

Row: TypeAlias = dict[str, object]


def read_rows(path: Path) -> list[Row]:
    """All rows of a file, at least one. Raises GistevalError if it can't be read as what its name says."""
    if not path.is_file():
        raise GistevalError(f"{path}: no such file; give a CSV, JSON or JSON Lines file")
    try:
        if path.suffix in (".jsonl", ".ndjson"):
            rows = _read_json_lines(path)
        elif path.suffix == ".json":
            rows = _read_json_list(path)
        else:
            rows = _read_csv(path)
    except UnicodeDecodeError as error:
        raise GistevalError(f"{path}: not UTF-8 text (byte {error.start}); save it as UTF-8") from error
    except OSError as error:
        raise GistevalError(f"{path}: can't be read ({error.strerror}); check the file") from error
    if not rows:
        raise GistevalError(f"{path}: no rows to score; check what wrote the file")
    return rows


def _read_csv(path: Path) -> list[Row]:
    # The csv module and not pandas: that fills a row cut short with empty texts, in silence.
    rows: list[Row] = []
    with (
        path.open(encoding="utf-8-sig", newline="") as lines,
        _field_size_limit(path.stat().st_size),
    ):
        reader = csv.reader(lines, strict=True, delimiter="\t" if path.suffix == ".tsv" else ",")
        try:
            header = next(reader, [])
            for fields in reader:
                if not fields:
                    continue
                if len(fields) != len(header):
                    raise csv.Error(f"{len(fields)} fields, but the header has {len(header)}")
                rows.append(dict(zip(header, fields, strict=True)))
        except csv.Error as error:
            raise GistevalError(
                f"{path}, line {reader.line_num}: not CSV ({error}); quote fields that hold "
                "commas, or name the file .json or .jsonl"
            ) from error
    repeated = [name for name, times in Counter(header).items() if times > 1]
    if repeated:
        raise GistevalError(f"{path}: several columns are named {repeated[0]!r}; rename them")
    return rows


@contextmanager
def _field_size_limit(size: int) -> Iterator[None]:
    """Let a field be as long as the file: the csv module stops at 128 KiB, a long prompt's size."""
    before = csv.field_size_limit()
    csv.field_size_limit(max(before, size))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _read_json_lines(path: Path) -> list[Row]:
    # Only a newline ends a record: str.splitlines would also split at U+2028 inside a text.
    lines = path.read_text(encoding="utf-8-sig").split("\n")
    records = [
        _parse_json(line, f"{path}, line {number}")
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]
    return _check_objects(records, path)


def _read_json_list(path: Path) -> list[Row]:
    records = _parse_json(path.read_text(encoding="utf-8-sig"), str(path))
    if not isinstance(records, list):
        raise GistevalError(f"{path}: expected a list of objects; name the file .jsonl if each line is one")
    return _check_objects(records, path)


def _parse_json(text: str, where: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = one_line(error)
        if isinstance(error, json.JSONDecodeError):
            reason = f"{error.msg} at column {error.colno}"
        raise GistevalError(
            f"{where}: not JSON ({reason}); write one object a line in .jsonl, one list of objects in .json"
        ) from error


def _check_objects(records: list[object], path: Path) -> list[Row]:
    rows: list[Row] = []
    for number, record in enumerate(records, start=1):
        if not isinstance(record, dict):
            raise GistevalError(
                f"{path}: record {number} is no object; write one with named texts for each example"
            )
        rows.append(record)
    return rows


def texts(rows: list[Row], column: str, path: Path) -> list[str]:
    """One column. Raises GistevalError if there is none, or a row holds something other than text."""
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
