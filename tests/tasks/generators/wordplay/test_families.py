"""Every family: parameters of its keys, and an answer that follows from parameters and input."""

from __future__ import annotations

from random import Random

import pytest

from gisteval.tasks.generators.wordplay.families import FAMILIES, answer
from gisteval.tasks.generators.wordplay.lexicon import load_lexicon

LEXICON = load_lexicon()


@pytest.mark.parametrize("name", FAMILIES)
def test_parameters_are_those_of_the_keys_and_differ(name: str) -> None:
    family = FAMILIES[name]
    for seed in range(30):
        rng = Random(seed)
        params = family.sample_params(LEXICON, rng)
        assert tuple(params) == family.keys and len(set(params.values())) == len(params)
        text = family.sample_input(LEXICON, params, rng)
        assert answer(LEXICON, name, params, text) == answer(LEXICON, name, dict(params), str(text)) != ""


@pytest.mark.parametrize(
    ("name", "params", "text", "expected"),
    [
        ("repeat", {"pos": "last", "times": 3}, "a, b, c", "c c c"),
        ("fill", {"A": "x"}, "a, b", "x x"),
        ("say_then", {"A": "x", "pos": "first"}, "a, b", "x a"),
        ("then_say", {"A": "x", "pos": "first"}, "a, b", "a x"),
        ("frame", {"A": "x", "pos": "second", "B": "y"}, "a, b, c", "x b y"),
        ("if_count", {"n": 3, "A": "x", "B": "y"}, "a, b, c", "y"),
        ("if_count", {"n": 3, "A": "x", "B": "y"}, "a, b, c, d", "x"),
        ("count", {"A": "x"}, "a, b, c, d", "4 x"),
        ("field_say", {"field": "city", "A": "x"}, "name: Ana; city: Rome", "Rome x"),
    ],
)
def test_answers_by_hand(name: str, params: dict, text: str, expected: str) -> None:
    assert answer(LEXICON, name, params, text) == expected
