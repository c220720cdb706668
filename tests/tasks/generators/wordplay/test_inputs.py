"""Inputs: what is written can be read back, and every sampler keeps its promise."""

from __future__ import annotations

from random import Random

import pytest

from gisteval.tasks.generators.wordplay import inputs
from gisteval.tasks.generators.wordplay.lexicon import load_lexicon

LEXICON = load_lexicon()


def drawn(sampler: inputs.InputSampler, params: inputs.Params) -> list[str]:
    return [sampler(LEXICON, params, Random(seed)) for seed in range(60)]


@pytest.mark.parametrize(
    ("sampler", "lengths"),
    [(inputs.words, {3, 4}), (inputs.short, {2, 3, 4, 5, 6}), (inputs.words_or_none, {0, 3, 4})],
)
def test_lists_are_of_distinct_nouns_without_the_answers_words(sampler, lengths: set[int]) -> None:
    params = {"A": LEXICON.all_nouns[0], "B": LEXICON.all_nouns[1]}
    lists = [inputs.items(text) for text in drawn(sampler, params)]
    assert {len(words) for words in lists} == lengths
    assert all(len(set(words)) == len(words) and not set(words) & set(params.values()) for words in lists)


def test_a_list_around_n_is_longer_half_of_the_time() -> None:
    longer = [len(inputs.items(text)) > 3 for text in drawn(inputs.short_around_n, {"n": 3})]
    assert 15 < sum(longer) < 45


@pytest.mark.parametrize("category", list(LEXICON.nouns))
def test_exactly_one_word_is_of_the_category(category: str) -> None:
    for text in drawn(inputs.words_with_one_of_category, {"category": category}):
        assert sum(LEXICON.category_of[word] == category for word in inputs.items(text)) == 1
    for text in drawn(inputs.words_led_by_category, {"category": category}):
        assert not any(LEXICON.category_of[word] == category for word in inputs.items(text)[1:])


def test_a_record_holds_its_fields_and_is_read_back() -> None:
    first, second = list(LEXICON.fields)[:2]
    for text in drawn(inputs.record_with, {"field1": first, "field2": second}):
        found = inputs.record(text)
        assert {first, second} <= found.keys() and len(found) in (3, 4)
        assert all(value in LEXICON.fields[name] for name, value in found.items())
        assert "; ".join(f"{name}: {value}" for name, value in found.items()) == text


def test_positions_from_either_end() -> None:
    places = {name: inputs.at("a, b, c, d", {"pos": name}) for name in inputs.POSITIONS}
    assert places == {"first": "a", "second": "b", "third": "c", "last": "d", "second_last": "c"}
