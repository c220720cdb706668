"""Lines of a file of records: filtered by their fields, and refused where a field is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.records.lines import to_json
from gisteval.records.reading import read_kind, read_lines
from gisteval.records.schema import Example

EXAMPLES = [Example(str(n), "t", "ab"[n % 2], f"say {n}", "", f"{n}") for n in range(5)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "x.jsonl"
    path.write_text("".join(json.dumps(to_json(example)) + "\n" for example in EXAMPLES))
    return path


def test_records_come_back_as_they_were_and_filtered(file: Path) -> None:
    assert list(read_kind(file, Example)) == EXAMPLES
    assert list(read_kind(file, Example, split="b")) == EXAMPLES[1::2]
    assert [number for number, _ in read_lines(file, {"split": "a", "id": "2"})] == [3]
    assert list(read_lines(file.with_name("absent"), {})) == []


def test_a_line_without_the_field_is_named(file: Path) -> None:
    file.write_text(file.read_text() + '{"id": "9"}\n')
    with pytest.raises(GistevalError, match="line 6 is no record of this version"):
        list(read_lines(file, {"split": "a"}))
    with pytest.raises(GistevalError, match="line 6"):
        list(read_kind(file, Example))
