"""Where records lie: by a file name that no two names share, or where version 0.1 left them."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.files.names import file_name, readable_name
from gisteval.records.paths import record_file

NAME = "a/b c"


def test_each_name_has_a_file_of_its_own(tmp_path: Path) -> None:
    names = ["a b", "a_b", "a/b", "A b"]
    files = {record_file(tmp_path, "examples", [name], names) for name in names}
    assert len(files) == len(names) and {file.parent for file in files} == {tmp_path / "examples"}


@pytest.mark.parametrize("current", [True, False])
def test_a_file_of_version_0_1_counts_unless_there_is_a_new_one(tmp_path: Path, current: bool) -> None:
    former = tmp_path / "examples" / f"{readable_name(NAME)}.jsonl"
    new = tmp_path / "examples" / f"{file_name(NAME)}.jsonl"
    assert former != new
    former.parent.mkdir()
    former.touch()
    if current:
        new.touch()
    assert record_file(tmp_path, "examples", [NAME], [NAME]) == (new if current else former)


def test_a_former_name_that_another_split_has_is_that_splits(tmp_path: Path) -> None:
    (tmp_path / "examples").mkdir()
    other = readable_name(NAME)
    (tmp_path / "examples" / f"{other}.jsonl").touch()
    assert file_name(other) == other
    found = record_file(tmp_path, "examples", [NAME], [NAME, other])
    assert found.stem == file_name(NAME)
