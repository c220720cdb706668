"""Files that never end, or hold more than they seem to: refused before they are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gisteval.content import read_yaml
from gisteval.errors import GistevalError
from gisteval.files.foreign import DEEPEST, LONGEST_TEXT, parse_json, read_json, read_text
from gisteval.pipeline.sweep.sweep_file import read_sweep


def make(file: Path, kind: str) -> None:
    if kind == "pipe":
        os.mkfifo(file)
    elif kind == "folder":
        file.mkdir()
    elif kind == "long":
        file.write_bytes(b" " * (LONGEST_TEXT + 1))
    else:
        file.symlink_to(kind)


@pytest.mark.parametrize("kind", ["pipe", "folder", "long", "/dev/zero", "/dev/stdin"])
def test_what_is_no_file_of_text_is_refused(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    make(file, kind)
    with pytest.raises(ValueError, match=r"no regular file|longer than"):
        read_text(file)
    with pytest.raises(GistevalError, match="can't be read"):
        read_yaml(file, "sweep")


def test_a_long_json_file_of_a_program_is_read(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text("[" + "1," * LONGEST_TEXT + "1]")
    assert len(read_json(file)) == LONGEST_TEXT + 1


def test_depth_is_bounded_where_python_itself_goes_on() -> None:
    assert parse_json("[" * DEEPEST + "]" * DEEPEST)
    for depth in (DEEPEST + 1, 500, 100_000):
        with pytest.raises(ValueError, match="nested"):
            parse_json('{"a":' * depth + "1" + "}" * depth)


@pytest.mark.parametrize("text", ["Infinity", "[NaN]", "1e999", '"\\ud800"', '{"\\udfff": 1}'])
def test_strict_json_can_be_passed_on(text: str) -> None:
    parse_json(text)
    with pytest.raises(ValueError):
        parse_json(text, strict=True)


def test_a_grid_is_counted_before_it_is_built(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    values = ", ".join(map(str, range(700)))
    file.write_text(f"grid: {{seeds: [{values}], budgets: [{values}], limit: [{values}]}}")
    with pytest.raises(GistevalError, match="343,000,000 entries"):
        read_sweep(file)
