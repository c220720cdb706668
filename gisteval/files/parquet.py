"""Rows of a Parquet file, a few at a time. A small file may hold one long text a million times over.

Texts are read as the file stores them, each of them once with a number for every place where it stands, so
that their size is known before they are made. Columns of lists and structs are left out: no field is one.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.compute
import pyarrow.parquet

from gisteval.errors import GistevalError
from gisteval.files.foreign import LONGEST_ROW, MOST_EXPANSION

ROWS = 256
"""Read at a time; fewer where they are long."""

SMALLEST_ROW = 64
"""Bytes that a row counts for at least: empty ones fill the memory as well."""


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows in order. Raises GistevalError where they are far longer than the file, or pyarrow's own."""
    with pyarrow.parquet.ParquetFile(path) as file:
        about, schema = file.metadata, file.schema_arrow
    twice = next((name for name in schema.names if schema.names.count(name) > 1), None)
    if twice is not None:
        raise GistevalError(f"{path}: several columns are named {twice!r}; rename them")
    left = LONGEST_ROW + MOST_EXPANSION * path.stat().st_size
    _check_declared(about, left, path)
    flat = [column.name for column in schema if not pyarrow.types.is_nested(column.type)]
    texts = [name for name in flat if _is_text(schema.field(name).type)]
    with pyarrow.parquet.ParquetFile(path, read_dictionary=texts) as file:
        for batch in file.iter_batches(batch_size=ROWS, columns=flat):
            step = len(batch) if _size(batch) <= LONGEST_ROW else 1
            for start in range(0, len(batch), step):
                part = batch.slice(start, step)
                size = _size(part)
                left -= max(size, SMALLEST_ROW * len(part))
                if size > LONGEST_ROW or left < 0:
                    raise _expands(path)
                yield from _plain(part).to_pylist()


def _expands(path: Path) -> GistevalError:
    return GistevalError(
        f"data file {path} holds a row without end, or over {MOST_EXPANSION} times its own size: it is "
        "damaged, or not a table"
    )


def _is_text(kind: Any) -> bool:
    kinds = pyarrow.types
    whole = kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_binary(kind)
    return bool(whole or kinds.is_dictionary(kind))


def _check_declared(about: Any, most: int, path: Path) -> None:
    """Raise GistevalError where the file says itself that it unpacks to too much."""
    for number in range(about.num_row_groups):
        group = about.row_group(number)
        for place in range(group.num_columns):
            most -= max(group.column(place).total_uncompressed_size, 0)
    if most < 0:
        raise _expands(path)


def _size(batch: Any) -> int:
    """Bytes that the rows take once each value is made."""
    size = 0
    for column in batch.columns:
        if pyarrow.types.is_dictionary(column.type):
            lengths = pyarrow.compute.binary_length(column.dictionary)
            size += pyarrow.compute.sum(lengths.take(column.indices)).as_py() or 0
        else:
            size += column.nbytes
    return size


def _plain(batch: Any) -> Any:
    """The rows with each text in its place, as pyarrow makes Python's values of them fastest."""
    columns = [
        column.dictionary_decode() if pyarrow.types.is_dictionary(column.type) else column
        for column in batch.columns
    ]
    return pyarrow.record_batch(columns, names=batch.schema.names)
