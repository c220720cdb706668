"""Lines of a file of records: filtered by their fields, and refused where a field is damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.records.lines import to_json
from gisteval.records.reading import read_examples, read_kind, read_lines
from gisteval.records.schema import Example
from gisteval.records.store import _encoded

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


NAMES = ["a", "b", "ab", "", 'a"b', "a\\", "\u00e9", "\u2028", "split", '"split":"a"', "\ud800"]
WRITERS = {
    "written": lambda record: _encoded(record),
    "spaced": lambda record: json.dumps(record).encode() + b"\n",
    "compact": lambda record: json.dumps(record, separators=(",", ":")).encode() + b"\n",
}


@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_lines_of_other_splits_are_passed_over_and_no_others(write, tmp_path: Path) -> None:
    texts = ["plain", '{"split":"a"}', '"split":"b"', "\\", '\\"split":"', "\ud800"]
    examples = [Example(f"{n}", "t", name, text, "", "") for n, text in enumerate(texts) for name in NAMES]
    path = tmp_path / "x.jsonl"
    path.write_bytes(b"".join(write(to_json(example)) for example in examples))
    for name in [*NAMES, "none"]:
        numbers = [n for n, example in enumerate(examples, 1) if example.split == name]
        assert [number for number, _ in read_lines(path, {"split": name})] == numbers
        assert list(read_kind(path, Example, split=name)) == [examples[n - 1] for n in numbers]


def test_a_damaged_line_is_found_where_its_split_is_read(file: Path) -> None:
    damaged = '{"id": "9", "split":"b", "inp\n'
    file.write_text(file.read_text() + damaged)
    assert len(list(read_kind(file, Example, split="a"))) == 3
    for wanted in ({"split": "b"}, {}):
        with pytest.raises(GistevalError, match="line 6 is damaged"):
            list(read_lines(file, wanted))
    file.write_text(file.read_text() + damaged.replace('"b"', "b"))  # nobody knows of which split it is
    with pytest.raises(GistevalError, match="line 7 is damaged"):
        list(read_lines(file, {"split": "a"}))


def test_examples_are_remembered_until_their_file_changes(file: Path) -> None:
    first = read_examples(file, "a")
    assert list(first) == EXAMPLES[::2]
    assert read_examples(file, "a") is first
    assert read_examples(file, "b") == tuple(EXAMPLES[1::2])
    changed = file.with_name("new")
    changed.write_text(file.read_text().replace("say 2", "say 7"))
    changed.replace(file)  # as files of examples are written
    assert [example.instruction for example in read_examples(file, "a")] == ["say 0", "say 7", "say 4"]
    assert read_examples(file.with_name("absent"), "a") == ()
