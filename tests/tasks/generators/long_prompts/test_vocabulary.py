"""Words of keys, records and lists."""

from __future__ import annotations

import re

from gisteval.tasks.generators.long_prompts.haystack import prose
from gisteval.tasks.generators.long_prompts.vocabulary import (
    ADJECTIVES,
    CITIES,
    FIRST_NAMES,
    NOUNS,
    list_words,
)


def test_no_word_stands_twice_nor_in_two_lists() -> None:
    """Else two keys, or a key and its answer, could be one."""
    words = [*ADJECTIVES, *NOUNS, *FIRST_NAMES, *CITIES]
    assert len({word.lower() for word in words}) == len(words)


def test_words_of_lists_are_counted_in_the_prose() -> None:
    text = re.sub(r"[^\w]", " ", " ".join(prose())).split()
    found = list_words()
    counts = [text.count(word) for word in found[:40]]
    assert counts == sorted(counts, reverse=True)
    assert counts[0] > 100 and all(4 <= len(word) <= 9 for word in found)
    assert len(set(found)) == len(found)
