"""What evictors share that see the input: a prefix for each input, of the prompt's own states."""

from __future__ import annotations

import json

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors.spec import build_compressor
from gisteval.generation.answering import Decoding, answer_all
from gisteval.records.budget import Budget
from gisteval.records.schema import Example

EXAMPLE = random_examples(count=4)[3]
THREE = Budget(slots=3)


@pytest.fixture(scope="module")
def model():
    return random_model("llama", gain=3.0, k=0)


def test_what_is_kept_depends_on_the_input_and_is_the_prompt_s_own(model) -> None:
    method = build_compressor("snapkv@query")
    inputs = ("cats dogs", "no again maybe twice yes")
    found = method.compress(model, [method.subject(EXAMPLE.instruction, text) for text in inputs], THREE)
    assert any(not torch.equal(*pair) for pair in zip(*(prefix.kept for prefix in found), strict=True))
    (whole,) = model.encode(model.tokens.prompts([EXAMPLE.instruction]))
    for prefix in found:
        assert prefix.next_position == whole.next_position
        for (keys, _), (own, _), kept in zip(prefix.layers, whole.layers, prefix.kept, strict=True):
            assert torch.allclose(keys, own.take_along_dim(kept[:, :, None], dim=1), atol=1e-5)
    ids = model.tokens.continuations([inputs[0]])[0]
    (same,) = method.compress(model, [method.subject(EXAMPLE.instruction, ids)], THREE)
    assert all(map(torch.equal, same.kept, found[0].kept))


def test_each_example_of_an_instruction_gets_its_own_prefix(model, monkeypatch) -> None:
    examples = [
        Example(f"e{n}", "t", "s", EXAMPLE.instruction, text, "yes")
        for n, text in enumerate(("a", "b", "b"))
    ]
    method = build_compressor("tova@query")
    seen: list[int] = []
    right = type(method).compress

    def counted(self, model, subjects, budget):
        seen.append(len(subjects))
        return right(self, model, subjects, budget)

    monkeypatch.setattr(type(method), "compress", counted)
    answers = [one for batch in answer_all(model, method, THREE, examples, Decoding(4)) for one in batch]
    assert sorted(answer.example.id for answer in answers) == ["e0", "e1", "e2"]
    assert sum(seen) == 2  # two different inputs


def test_texts_and_token_ids_of_inputs_keep_their_order(model) -> None:
    method = build_compressor("tova@query")
    queries = ["cats", [7, 8], "no dogs", [9]]
    subjects = [method.subject("say yes", query) for query in queries]
    assert [json.loads(subject) for subject in subjects] == [["say yes", query] for query in queries]
    (prompt,) = model.tokens.prompts(["say yes"])
    cats, dogs = model.tokens.continuations(["cats", "no dogs"])
    rows = method.with_inputs(model, subjects)
    assert rows == [[*prompt, *ids] for ids in (cats, [7, 8], dogs, [9])]
    with pytest.raises(TypeError, match="scores a prompt for an input"):
        method.score(None)
