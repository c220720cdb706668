"""What decoding chose is compared with the logits that it saw, and an answer that is not theirs is seen."""

from __future__ import annotations

from dataclasses import replace

import pytest
from random_models import random_examples, random_model

from gisteval.compressors.full import Full
from gisteval.generation.selfcheck.decoding import DecodedPath
from gisteval.generation.selfcheck.passes import masked_readings
from gisteval.masks import MaskRule

LIMIT = 12


@pytest.fixture(scope="module")
def decoded():
    """A model whose rows end early and late, its decoded path, and an uncached reading of each row."""
    model = random_model("llama")
    examples = random_examples(count=8)
    texts = [example.instruction for example in examples]
    inputs = model.tokens.continuations([example.input for example in examples])
    path = DecodedPath(model, model.run(Full().compress(model, texts, None), inputs), LIMIT)
    prompts = Full().prompts(model, texts)
    found = masked_readings(model, prompts, inputs, path.fed, MaskRule("pos_control"))
    taken = [len(prompt) + len(ids) for prompt, ids in zip(prompts, inputs, strict=True)]
    return path, found, taken


def test_an_uncached_pass_sees_the_same_logits_and_chooses_the_same(decoded) -> None:
    path, found, taken = decoded
    assert len({answer.finished for answer in path.answers}) == 2
    for row, uncached in enumerate(found):
        assert len(path.distance(row, uncached)) == len(path.fed[row]) + 1
        assert float(path.distance(row, uncached).max()) < 1e-3
        assert path.is_own_choice(row, taken[row]) and path.is_choice_of(row, uncached)


def test_an_answer_that_is_not_what_was_chosen_is_seen(decoded) -> None:
    path, found, taken = decoded
    end = next(iter(path._model.end_ids))
    for row, answer in enumerate(path.answers):
        ids = answer.token_ids
        wrong = [replace(answer, token_ids=(*ids[:-1], ids[-1] + 1))] if ids else []
        wrong += [replace(answer, token_ids=ids[:-1], finished=True)] if ids else []
        wrong += [replace(answer, token_ids=(*ids, end)), replace(answer, finished=not answer.finished)]
        for other in wrong:
            path.answers[row] = other
            assert not path.is_own_choice(row, taken[row])
            path.answers[row] = answer
    first, last = path.fed.index(min(path.fed, key=len)), path.fed.index(max(path.fed, key=len))
    assert not path.is_choice_of(last, found[first])
