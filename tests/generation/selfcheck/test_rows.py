"""Which examples a self-check runs on, and what its rows read."""

from __future__ import annotations

from dataclasses import replace

import pytest
from random_models import random_examples, random_model

from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.compressors.pruning.tfidf import TfIdf
from gisteval.compressors.pruning.truncate import Truncate
from gisteval.generation.selfcheck.rows import (
    LONGEST_CHECKED,
    MOST_TOKENS,
    ROWS,
    choose_examples,
    make_rows,
    shortened,
)
from gisteval.records.budget import Budget
from gisteval.records.schema import Example


def example(number: int, words: int, instruction: str = "") -> Example:
    return Example(str(number), "t", "test", instruction or f"say {number} " + "no " * words, "", "yes")


@pytest.fixture(scope="module")
def model():
    return random_model("llama")


def test_the_longest_of_all_examples_is_among_them_and_the_shortest_of_the_pool(model):
    """It may stand anywhere in a split, behind all that the others are chosen from."""
    examples = [example(n, n % 17) for n in range(300)]
    examples[-3] = replace(examples[-3], instruction="no " * 120)
    chosen = choose_examples(model, {"test": examples})
    assert len(chosen) == ROWS
    assert chosen[-1] == examples[-3] and chosen[0] == examples[0]
    assert len({found.instruction for found in chosen}) == ROWS


def test_one_that_does_not_fit_gives_way_to_the_longest_that_does(model):
    examples = [example(n, n) for n in range(0, 400, 5)]
    chosen = choose_examples(model, {"test": examples})
    fitting = model.fitting(examples)
    assert chosen[-1] == fitting[-1] and len(fitting) < len(examples)


def test_prompts_differ_as_far_as_there_are_different_ones(model):
    same = [example(n, 0, "say") for n in range(40)]
    assert len(choose_examples(model, {"test": same})) == ROWS
    mixed = same + [example(100 + n, n) for n in range(4)]
    assert len({found.instruction for found in choose_examples(model, {"test": mixed})}) == 5
    assert choose_examples(model, {"test": []}) == []


def test_large_caches_make_fewer_rows_but_never_less_than_three(model, monkeypatch):
    monkeypatch.setattr("gisteval.generation.selfcheck.rows.ROW_BYTES", 1)
    examples = [example(n, n) for n in range(20)]
    assert choose_examples(model, {"test": examples}) == [examples[0], examples[10], examples[-1]]


def test_targets_go_on_with_the_references_of_other_rows_and_stay_in_the_context(model):
    examples = random_examples(count=6)
    rows = make_rows(model, Gist(), None, examples)
    references = model.tokens.targets([found.output for found in examples])
    for reference, target in zip(references, rows.targets, strict=True):
        assert target[: len(reference)] == reference and len(target) >= 12
    assert len(set(map(len, rows.targets))) > 1
    assert rows.targets[0][len(references[0]) :] != rows.targets[1][len(references[1]) :]
    words = 0
    while model.fitting([example(0, words + 1)]):
        words += 1
    full = make_rows(model, Full(), None, [example(0, words), *examples])
    assert full.tokens_before_answer(0) + len(full.targets[0]) <= model.context


def test_the_longest_row_stands_beside_the_shortest(model):
    rows = make_rows(model, Gist(), None, [example(n, n) for n in (3, 0, 9, 5)])
    first, second, _ = rows.shortest_and_longest(3)
    assert (first, second) == (2, 1)
    assert [len(ids) for ids in rows.only([first, second]).prompts] == [
        len(rows.prompts[2]),
        len(rows.prompts[1]),
    ]


def test_truncated_prompts_are_read_as_they_are_and_the_whole_ones_kept_for_the_stock_model(model):
    rows = make_rows(model, Truncate(), Budget(1), random_examples(count=3))
    compressed = [list(prompt.token_ids) for prompt in rows.compressed]
    assert list(rows.prompts) == compressed
    assert len(rows.whole[-1]) > len(rows.prompts[-1])


def test_long_instructions_are_checked_by_their_start(model):
    examples = {"test": [example(1, 3), example(2, 9000)]}
    short, long = shortened(Full(), examples)["test"]
    assert short == examples["test"][0]
    assert LONGEST_CHECKED - 10 < len(long.instruction) <= LONGEST_CHECKED
    assert examples["test"][1].instruction.startswith(long.instruction + " ")
    assert shortened(TfIdf(), examples) is examples  # it checks the instructions that it is given


def test_fewer_rows_are_compared_of_long_examples():
    model = random_model("llama")
    model.context = 5000
    examples = [example(n, 200 + n) for n in range(20)]
    tokens = sum(model.tokens.lengths([examples[-1]])[0]) + model.tokens.k
    assert len(choose_examples(model, {"test": examples})) == min(ROWS, MOST_TOKENS // tokens)
