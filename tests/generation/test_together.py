"""Evictors that share passes give the answers that each gives by itself, in the same batches."""

from __future__ import annotations

import pytest
from random_models import random_examples, random_model

from gisteval.compressors.spec import build_compressor
from gisteval.generation.answering import Answer, Decoding, answer_all
from gisteval.generation.together import Wanted, answer_together
from gisteval.records.budget import Budget

GRID = [
    ("knorm", Budget(slots=2)),
    ("knorm", Budget(share=0.5)),
    ("random", None),
    ("tova", Budget(slots=3)),
]


@pytest.mark.parametrize("batch_size", [None, 1, 5])
def test_answers_are_those_of_each_alone(batch_size: int | None) -> None:
    model, examples = random_model("llama"), random_examples()
    decoding = Decoding(6, batch_size)
    done = [frozenset(), frozenset(range(7)), frozenset(range(len(examples))), frozenset((2, 5))]
    wanted = [
        Wanted(build_compressor(spec), budget, d) for (spec, budget), d in zip(GRID, done, strict=True)
    ]
    found: list[list[Answer]] = [[] for _ in wanted]
    for number, outcomes in answer_together(model, wanted, examples, decoding):
        found[number] += outcomes
    for one, answers in zip(wanted, found, strict=True):
        alone = answer_all(model, one.method, one.budget, examples, decoding, one.done)
        assert answers == [answer for batch in alone for answer in batch]
    assert found[0] and not found[2]
