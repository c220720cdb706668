"""Casual instructions: loosened words, but never a parameter's own."""

from __future__ import annotations

from random import Random

import pytest

from gisteval.tasks.generators.wordplay.casual import casual
from gisteval.tasks.generators.wordplay.families import FAMILIES
from gisteval.tasks.generators.wordplay.lexicon import load_lexicon
from gisteval.tasks.generators.wordplay.phrasing import Wording, load_grammar

GRAMMAR, LEXICON = load_grammar(), load_lexicon()


def wording(family: str, seed: int) -> Wording:
    rng = Random(seed)
    return Wording.sample(GRAMMAR, family, FAMILIES[family].sample_params(LEXICON, rng), rng)


@pytest.mark.parametrize("family", ["frame", "label", "field_say"])
def test_parameters_stay_whole_and_a_seed_gives_one_text(family: str) -> None:
    texts = set()
    templates = GRAMMAR.families[family].train
    for seed in range(80):
        template = templates[seed % len(templates)]
        one, two = wording(family, seed), wording(family, seed)
        text = casual(one, template, plain_share=0.0)
        assert text == casual(two, template, plain_share=0.0)
        assert all(str(one.params[key]) in text for key in ("A", "B") if key in one.params)
        texts.add(text)
    assert len(texts) > 70


def test_a_plain_text_has_capitals_and_a_mark() -> None:
    for seed, template in enumerate(GRAMMAR.families["pick"].train[:40]):
        text = casual(wording("pick", seed), template, plain_share=1.0)
        assert text[0].isupper() and text[-1] in ".?!"
