"""Parts of the lines that are printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import gisteval
from gisteval.errors import counted


@pytest.mark.parametrize(
    ("count", "words", "text"),
    [
        (0, ("example",), "0 examples"),
        (1, ("example",), "1 example"),
        (2, ("example",), "2 examples"),
        (12345, ("pair",), "12,345 pairs"),
        (1, ("reply is", "replies are"), "1 reply is"),
        (3, ("reply is", "replies are"), "3 replies are"),
    ],
)
def test_counts_agree_with_their_nouns(count: int, words: tuple[str, ...], text: str) -> None:
    assert counted(count, *words) == text


def test_a_count_of_one_is_printed_nowhere_with_a_plural() -> None:
    """Every line that puts a lone count before a plural noun does it through `counted`."""
    loose = re.compile(r"[\"( ]\{[^{}]*\} (examples|pairs|comparisons|systems|steps|generations)\b")
    root = Path(gisteval.__file__).parent
    # "5 of 9 examples" is no lone count; a task's texts are no counts at all.
    found = [
        f"{file.relative_to(root)}: {line.strip()}"
        for file in root.rglob("*.py")
        if "wordplay" not in file.parts
        for line in file.read_text(encoding="utf-8").splitlines()
        if (match := loose.search(line)) and not line[: match.start() + 1].endswith((" of ", "of "))
    ]
    # Where a count is never one: said there.
    assert [line for line in found if "a question of this task holds" not in line] == []
