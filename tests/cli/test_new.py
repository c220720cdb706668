"""`gisteval new`: every file that it names is there, and it says what to do next."""

from __future__ import annotations

from pathlib import Path


def test_the_files_are_printed_and_no_other_is_written(gisteval, refused, tmp_path: Path) -> None:
    lines = gisteval("new", "task", "my_words", "--output", tmp_path).out.splitlines()
    assert lines[-1] == f"next: pytest {tmp_path / 'my_words'}"
    assert sorted(map(Path, lines[:-1])) == sorted(p for p in tmp_path.rglob("*") if p.is_file())
    assert "is there already" in refused("new", "task", "my_words", "--output", tmp_path)
    assert "choose compressor, task, judge" in refused("new", "metric", "x", "--output", tmp_path)
    assert "can't be the name of a judge" in refused("new", "judge", "My Words", "--output", tmp_path)
