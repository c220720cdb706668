"""Shots of a question's own instruction."""

from __future__ import annotations

import pytest

pytest.importorskip("lm_eval")

from gisteval.errors import GistevalError
from gisteval.integrations.lm_eval_shots import OwnShots

DOCUMENT = {
    "instruction": "say",
    "input": "q",
    "choices": ["x", "y"],
    "answer": 1,
    "shots": [("a", "b"), ("c", "d")],
}


def test_the_first_shots_become_documents_with_one_right_choice() -> None:
    sampler = object.__new__(OwnShots)
    found = sampler.sample(1, DOCUMENT)
    assert found == [{**DOCUMENT, "input": "a", "choices": ["b"], "answer": 0}]
    assert len(sampler.sample(2, DOCUMENT)) == 2 and sampler.sample(0, DOCUMENT) == []


@pytest.mark.parametrize("document", [DOCUMENT, None])
def test_more_shots_than_there_are_is_an_error(document: dict | None) -> None:
    with pytest.raises(GistevalError, match="--num_fewshot 3: a question of this task has"):
        object.__new__(OwnShots).sample(3, document)
