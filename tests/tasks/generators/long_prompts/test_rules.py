"""Rules and records, of which exactly one answers a question."""

from __future__ import annotations

import re

import pytest
from task_examples import examples

from gisteval.errors import GistevalError
from gisteval.tasks.generators.long_prompts.rules import rules
from gisteval.tasks.generators.long_prompts.vocabulary import ADJECTIVES, NOUNS


@pytest.mark.parametrize("split", ["rules", "records"])
def test_exactly_one_fact_answers_a_question(split: str) -> None:
    found = examples("rules:facts=4/16,questions=3,examples=12", split)
    assert [example.facts for example in found] == [4] * 3 + [16] * 3 + [4] * 3 + [16] * 3
    assert len({example.instruction for example in found}) == 4
    for example in found:
        lines = example.instruction.splitlines()[1:]
        key = example.input if split == "rules" else re.search(r"does (.+) have", example.input)[1]
        (place,) = (number for number, line in enumerate(lines) if f"{key}," in line or f"{key}:" in line)
        assert lines[place].rstrip(".").endswith(example.output)
        assert example.depth == pytest.approx(100 * place / (len(lines) - 1), abs=0.1)


@pytest.mark.parametrize("split", ["pairs", "few_pairs"])
def test_a_pair_answers_with_the_adjective_before_the_noun(split: str) -> None:
    found = examples("rules:facts=4/12,questions=2,examples=200", split, 200)
    for example in found:
        pairs = example.instruction.removeprefix("Say how it is: ").removesuffix(".").split(", ")
        assert len(pairs) == len({pair.split()[2] for pair in pairs}) == example.facts
        assert f"the {example.output} {example.input}" in pairs
    nouns = {example.input for example in found}
    assert len(nouns) > 24 if split == "pairs" else 12 < len(nouns) < 32


def test_filler_stands_among_the_facts_and_names_none() -> None:
    found = examples("rules:facts=2/4,filler=0/12,questions=2,examples=80", "pairs", 80)
    assert {(e.facts, e.length) for e in found} == {(2, 2), (4, 4), (2, 14), (4, 16)}
    for example in found:
        phrases = example.instruction.removeprefix("Say how it is: ").removesuffix(".").split(", ")
        facts = [phrase for phrase in phrases if phrase.split()[2] in NOUNS]
        assert len(phrases) == example.length and len(facts) == example.facts
        (place,) = (n for n, phrase in enumerate(phrases) if phrase.endswith(f" {example.input}"))
        assert phrases[place] == f"the {example.output} {example.input}"
        assert example.depth == round(100 * place / (example.length - 1), 1)
        assert all(set(phrase.split()[1:]) <= {*ADJECTIVES} for phrase in phrases if phrase not in facts)
    assert len({example.depth for example in found}) > 10


def test_without_filler_examples_are_those_of_the_facts_alone() -> None:
    plain, none = (examples(f"rules:facts=4{more},examples=8", "pairs") for more in ("", ",filler=0"))
    assert [e.instruction for e in plain] == [e.instruction for e in none]
    assert plain[0].length is None


def test_forms_without_filler_refuse_some() -> None:
    with pytest.raises(
        GistevalError, match="task rules: records have no filler, only pairs and few_pairs do"
    ):
        next(rules(facts=(4,), questions=1, examples=1, seed=0, filler=(0, 3), form="records"))


def test_more_facts_than_there_are_are_refused() -> None:
    with pytest.raises(GistevalError, match=r"task rules: there are \d+ different records, not 9999$"):
        next(rules(facts=(4, 9999), questions=1, examples=1, seed=0, form="records"))
