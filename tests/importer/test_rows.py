"""Rows of files of predictions."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.importer.rows import read_rows, texts


def test_a_file_without_a_known_ending_is_read_as_csv(tmp_path: Path) -> None:
    path = tmp_path / "outputs.txt"
    path.write_text('x,y\n"a, b",None\n')
    assert texts(read_rows(path), "y", path) == ["None"]
    assert texts(read_rows(path), "x", path) == ["a, b"]


def test_a_row_without_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "outputs.jsonl"
    path.write_text('{"y": "a"}\n{"y": 1}\n')
    with pytest.raises(GistevalError, match="row 2 has no text in column 'y'"):
        texts(read_rows(path), "y", path)


def test_an_empty_file_has_nothing_to_score(tmp_path: Path) -> None:
    path = tmp_path / "outputs.csv"
    path.write_text("x,y\n")
    with pytest.raises(GistevalError, match="no rows to score"):
        read_rows(path)
