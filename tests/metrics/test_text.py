"""Exact match and length."""

from __future__ import annotations

import pytest

from gisteval.metrics import exact_match, word_count


@pytest.mark.parametrize(
    ("prediction", "reference", "expected"),
    [
        ("yes", "yes", True),
        (" yes\n", "yes", True),
        ("", " \t", True),
        ("Привет", "Привет", True),
        ("Yes", "yes", False),
        ("yes.", "yes", False),
        ("a  b", "a b", False),
        ("caf\u00e9", "cafe\u0301", False),
    ],
)
def test_exact_match_strips_the_ends_only(prediction: str, reference: str, expected: bool) -> None:
    assert exact_match(prediction, reference) is expected


@pytest.mark.parametrize(("text", "words"), [("", 0), (" \n", 0), ("one", 1), (" a, b-c\nd ", 3)])
def test_word_count_splits_at_white_space(text: str, words: int) -> None:
    assert word_count(text) == words
