"""Parquet files: rows as pyarrow gives them, and no more than a file of that size can mean."""

from __future__ import annotations

import tracemalloc
from collections import deque
from itertools import islice
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from gisteval.errors import GistevalError
from gisteval.files.parquet import rows
from gisteval.files.tables import read_table

LONG = "x" * (1 << 20)


def write(folder: Path, columns: dict[str, pyarrow.Array], **options) -> Path:
    file = folder / "data.parquet"
    pyarrow.parquet.write_table(pyarrow.table(columns), file, **options)
    return file


@pytest.mark.parametrize("options", [{}, {"use_dictionary": False}, {"row_group_size": 7}])
def test_the_rows_are_those_of_pyarrow(options, tmp_path: Path) -> None:
    items = [
        {
            "text": f"say {n % 7}" * (n % 3),
            "none": None if n % 2 else "é\u0000",
            "number": n,
            "share": n / 3,
            "bytes": bytes([n % 256]),
            "list": [n, n + 1],
            "long": f"{n}" * 4_000,
            "whole": {"part": f"{n}"},
        }
        for n in range(600)
    ]
    file = tmp_path / "data.parquet"
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(items), file, **options)
    flat = pyarrow.parquet.read_table(file).drop_columns(["list", "whole"])
    assert list(rows(file)) == flat.to_pylist() and len(flat) == 600


def repeated(times: int) -> pyarrow.Array:
    """A MiB of text, which stands in the file once."""
    return pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * times, pyarrow.int32()), [LONG])


def test_one_text_many_times_is_read_as_far_as_wanted(tmp_path: Path) -> None:
    file = write(tmp_path, {"a": repeated(4096)})
    assert file.stat().st_size < 100_000
    tracemalloc.start()
    before = pyarrow.total_allocated_bytes()
    try:
        assert [len(row["a"]) for row in islice(read_table(file), 2)] == [len(LONG)] * 2
        assert tracemalloc.get_traced_memory()[1] < 100e6
        assert pyarrow.total_allocated_bytes() - before < 100e6
    finally:
        tracemalloc.stop()
    with pytest.raises(GistevalError, match="over 100 times its own size"):
        deque(read_table(file), maxlen=0)


@pytest.mark.parametrize(
    "column",
    [
        pyarrow.array([b"\0" * (1 << 27)]),
        pyarrow.array([bytes(2 << 20)] * 80),
        pyarrow.nulls(2_000_000, pyarrow.int8()),
    ],
    ids=["one value", "many values", "rows of nothing"],
)
def test_what_a_small_file_expands_to_is_bounded(column: pyarrow.Array, tmp_path: Path) -> None:
    file = write(tmp_path, {"a": column}, compression="zstd", use_dictionary=False)
    assert file.stat().st_size < 300_000
    with pytest.raises(GistevalError, match=r"data\.parquet holds a row without end, or over"):
        deque(read_table(file), maxlen=0)


def test_a_column_name_twice(tmp_path: Path) -> None:
    table = pyarrow.Table.from_arrays([pyarrow.array(["a"]), pyarrow.array(["b"])], names=["x", "x"])
    pyarrow.parquet.write_table(table, tmp_path / "data.parquet")
    with pytest.raises(GistevalError, match="several columns are named 'x'"):
        list(read_table(tmp_path / "data.parquet"))
