"""Common and frequent words, counted by a second path."""

from __future__ import annotations

import re
from collections import Counter

from task_examples import examples

from gisteval.tasks.generators.long_prompts.lengths import size


def test_counting_gives_the_common_words() -> None:
    for example in examples("common_words:length=256/1024/4096", count=6):
        counts = Counter(re.findall(r"\d+\. (\w+)", example.instruction))
        assert sum(counts.values()) == example.facts
        ranked = counts.most_common()
        assert {word for word, _ in ranked[:10]} == set(example.output.split("\n"))
        assert ranked[9][1] > ranked[10][1]
        assert size(example.instruction) <= 1.1 * example.length


def test_counting_gives_the_frequent_words() -> None:
    for example in examples("frequent_words:length=256/1024", count=6):
        counts = Counter(re.findall(r"\b[a-z]{6}\b", example.instruction.partition("\n")[2]))
        ranked = counts.most_common()
        assert [word for word, _ in ranked[:3]] == example.output.split("\n")
        assert ranked[2][1] > ranked[3][1]


def test_the_same_seed_gives_the_same_words() -> None:
    first, again = (examples("common_words", count=4) for _ in range(2))
    assert first == again
    assert first != examples("common_words:seed=1", count=4)
