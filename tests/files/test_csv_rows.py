"""Rows of CSV: round trips through the csv module, delimiters, and rows that are cut."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gisteval.errors import GistevalError
from gisteval.files.csv_rows import csv_rows, delimiter_of, repeated

FILE = Path("data.csv")
CELL = some.text(some.characters(exclude_characters="\r\x00", exclude_categories=["Cs"]), max_size=6)


def read(text: str, delimiter: str = ",") -> list[dict[str, str]]:
    return list(csv_rows(iter(io.StringIO(text, newline="").readlines()), delimiter, FILE))


@given(some.lists(some.tuples(CELL, CELL), max_size=4), some.sampled_from(",;\t"))
def test_what_the_csv_module_writes_is_read(rows: list[tuple[str, str]], delimiter: str) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("a", "b"), *rows])
    assert read(stream.getvalue(), delimiter) == [{"a": a, "b": b} for a, b in rows]
    assert delimiter_of(stream.getvalue(), ",", FILE) == delimiter


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1\n", "line 2: not CSV .1 fields, but the header has 2"),
        ("a,b\n1,2,3\n", "3 fields, but the header has 2"),
        ('a,b\n1,"2\n', "line 2: not CSV"),
        ("a,b,a\n", "several columns are named 'a'"),
    ],
)
def test_what_is_no_row_names_its_line(text: str, message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        read(text)


def test_a_single_column_with_commas_in_its_texts_stays_one() -> None:
    assert delimiter_of("text\nyes; no\n", ",", FILE) == ","
    assert delimiter_of("a;b\n1;2\n", ",", FILE) == ";"
    assert delimiter_of("a;b\nx\n", ",", FILE) == ","  # the rows do not fit
    assert repeated(["a", "b", "b", "a"]) == "a"
