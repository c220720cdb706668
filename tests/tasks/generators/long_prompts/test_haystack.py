"""Haystacks, and facts that are put into them."""

from __future__ import annotations

from itertools import islice
from random import Random

from gisteval.tasks.generators.long_prompts.haystack import NOISE, placed, prose, sentences


def test_facts_stand_at_their_share_of_the_hay() -> None:
    assert placed(["a", "b"], ["X", "Y", "Z"], [0, 50, 100]) == "X a Y b Z"
    assert placed(["a", "b"], ["X", "Y"], [50, 50]) == "a X Y b"


def test_prose_begins_anywhere_and_goes_on_in_its_order() -> None:
    known = prose()
    found = list(islice(sentences("prose", Random(3)), len(known) + 1))
    start = known.index(found[0])
    assert found == [*known[start:], *known[:start], known[start]]
    assert start != known.index(next(sentences("prose", Random(4))))


def test_noise_repeats_its_sentences() -> None:
    assert list(islice(sentences("noise", Random(0)), 7)) == [*NOISE, *NOISE[:2]]
