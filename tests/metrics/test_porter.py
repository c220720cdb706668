"""Stems are those of nltk, letter by letter, and those that Porter's article gives."""

from __future__ import annotations

import random

import pytest

from gisteval.metrics import porter
from gisteval.metrics.porter import stem

ARTICLE = """
caresses caress ponies poni caress caress cats cat agreed agre plastered plaster motoring motor sing sing
conflated conflat troubled troubl sized size hopping hop tanned tan falling fall hissing hiss fizzed fizz
failing fail filing file relational relat conditional condit valenci valenc digitizer digit radicalli radic
differentli differ vileli vile analogousli analog vietnamization vietnam predication predic operator oper
feudalism feudal decisiveness decis hopefulness hope callousness callous formaliti formal sensitiviti sensit
sensibiliti sensibl triplicate triplic formative form formalize formal electriciti electr electrical electr
hopeful hope goodness good revival reviv allowance allow inference infer airliner airlin adjustable adjust
defensible defens irritant irrit replacement replac adjustment adjust dependent depend adoption adopt
homologou homolog communism commun activate activ angulariti angular homologous homolog effective effect
bowdlerize bowdler probate probat rate rate cease ceas controll control roll roll
""".split()  # noqa: SIM905


@pytest.mark.parametrize(("word", "expected"), list(zip(ARTICLE[::2], ARTICLE[1::2], strict=True)))
def test_the_words_of_the_article(word: str, expected: str) -> None:
    assert stem(word) == expected


def test_any_word_has_the_stem_that_nltk_gives_it() -> None:
    nltk_stem = pytest.importorskip("nltk.stem.porter").PorterStemmer().stem
    drawn = random.Random(0)
    known = [*porter._STEP_2, *porter._STEP_3, *porter._STEP_4, *porter._IRREGULAR]
    endings = [
        *known,
        "s",
        "es",
        "ies",
        "sses",
        "ied",
        "eed",
        "ed",
        "ing",
        "y",
        "e",
        "ll",
        "ated",
        "ily",
        "",
    ]
    words = {
        "".join(drawn.choices("aeiouybcdlmnrstwxz1", k=drawn.randint(1, 6)))
        + "".join(drawn.choices(endings, k=drawn.randint(1, 2)))
        for _ in range(20_000)
    }
    words = {word for word in words if len(word) > 2}
    assert {word: (stem(word), nltk_stem(word)) for word in words if stem(word) != nltk_stem(word)} == {}
