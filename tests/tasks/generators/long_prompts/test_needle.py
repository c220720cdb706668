"""Needles: a reader finds them, at their depths, and the same ones for the same seed."""

from __future__ import annotations

import re

import pytest
from task_examples import examples

from gisteval.errors import GistevalError
from gisteval.tasks.generators.long_prompts.lengths import size
from gisteval.tasks.generators.long_prompts.needle import needles

NEEDLES = [
    ("single_noise", 1, 1),
    ("single", 1, 1),
    ("single_uuid", 1, 1),
    ("multi_key", 1, 1),
    ("multi_key_needles", 1, 1),
    ("multi_key_uuid", 1, 1),
    ("multi_value", 1, 4),
    ("multi_query", 4, 1),
]


@pytest.mark.parametrize(("split", "asked", "values"), NEEDLES)
def test_a_reader_of_the_text_finds_what_needles_are_asked_for(split: str, asked: int, values: int) -> None:
    for example in examples("needle:length=512,depths=4", split):
        found = re.findall(r"One of the special magic \w+ for (\S+) is: (\S+)\.", example.instruction)
        names = re.split(r", | and ", re.search(r" for (.+) that", example.input)[1])
        assert len(names) == asked
        answer = [value for name in names for key, value in found if key == name]
        assert sorted(answer) == sorted(example.output.split("\n"))
        assert len(answer) == asked * values
        assert 512 - 60 <= size(example.instruction) <= 512
        assert example.facts == len(found)


def test_a_needle_stands_at_its_depth() -> None:
    for example in examples("needle:length=2048,depths=5", "single", 15):
        before, _, after = example.instruction.partition("One of the special magic numbers for")
        share = 100 * size(before) / (size(before) + size(after))
        assert share == pytest.approx(example.depth, abs=4)
    assert {e.depth for e in examples("needle:length=256,depths=5", "single", 15)} == {0, 25, 50, 75, 100}


def test_the_same_seed_gives_the_same_needles() -> None:
    first, again = (examples("needle:length=256", "single", 4) for _ in range(2))
    assert first == again
    assert first != examples("needle:length=256,seed=1", "single", 4)


def test_a_text_that_is_too_short_for_its_needles_is_refused() -> None:
    assert examples("needle:length=256", "multi_value", 1)
    with pytest.raises(GistevalError, match="needs a length of at least"):
        next(needles(length=(256,), depths=1, examples=1, seed=0, keys=20))
