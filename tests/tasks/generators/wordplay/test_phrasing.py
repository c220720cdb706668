"""Spacing, capitals and marks of instructions."""

from __future__ import annotations

from random import Random

import pytest

from gisteval.tasks.generators.wordplay.families import FAMILIES
from gisteval.tasks.generators.wordplay.lexicon import load_lexicon
from gisteval.tasks.generators.wordplay.phrasing import (
    Wording,
    close,
    load_grammar,
    plain,
    sentence_case,
    tidy,
)


@pytest.mark.parametrize(("text", "tidied"), [("a  b , c", "a b, c"), ("say a apple", "say an apple")])
def test_parts_put_together_are_tidied_once(text: str, tidied: str) -> None:
    assert tidy(text) == tidied == tidy(tidied)


def test_capitals_spare_content_words() -> None:
    assert sentence_case("say it. cat comes. dog too", {"A": "cat"}) == "Say it. cat comes. Dog too"


@pytest.mark.parametrize(("text", "closed"), [("a", "a."), ("a?", "a?"), ("a,", "a."), ("a!", "a!")])
def test_a_text_ends_with_one_mark(text: str, closed: str) -> None:
    assert close(text) == closed


@pytest.mark.parametrize("name", FAMILIES)
def test_a_plain_instruction_names_its_content_words(name: str) -> None:
    grammar, lexicon = load_grammar(), load_lexicon()
    for seed, template in enumerate(grammar.families[name].unseen[:20]):
        rng = Random(seed)
        params = FAMILIES[name].sample_params(lexicon, rng)
        text = plain(Wording.sample(grammar, name, params, rng), template)
        assert text[-1] in ".?!" and "  " not in text and not set(text) & set("<>{}[]|")
        assert all(str(params[key]) in text for key in ("A", "B") if key in params)
