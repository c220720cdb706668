"""Evictors that see the input: what they score, against eager attention, and that their names say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors import spec as spec_module
from gisteval.compressors.eviction.base import Eviction
from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError
from gisteval.registry import is_oracle

EXAMPLE = random_examples(count=4)[3]


@pytest.fixture(scope="module")
def model():
    return random_model("llama", gain=3.0, k=0)


@pytest.mark.parametrize("name", ["snapkv@query:kernel=1", "tova@query"])
def test_scores_are_the_input_s_attention_of_the_stock_model(model, name: str) -> None:
    method = build_compressor(name)
    subject = method.subject(EXAMPLE.instruction, EXAMPLE.input)
    (prompt,), (row,) = method.prompts(model, [subject]), method.with_inputs(model, [subject])
    assert row == prompt + model.tokens.continuations([EXAMPLE.input])[0]
    before = model.model.config._attn_implementation
    model.model.set_attn_implementation("eager")
    with torch.inference_mode():
        stock = model.model(torch.tensor([row]), output_attentions=True).attentions
    model.model.set_attn_implementation(before)
    for weights, scores in zip(stock, method.layer_scores(model, subject), strict=True):
        heads = scores.shape[0]
        if name == "tova@query":
            wanted = weights[0, :, -1, : len(prompt)].mean(0).expand(heads, -1)
        else:
            of_input = weights[0, :, len(prompt) :, : len(prompt)].mean(1)
            wanted = of_input.reshape(heads, -1, len(prompt)).mean(1)
        assert torch.allclose(scores, wanted, atol=1e-5)


def test_a_name_tells_what_sees_the_input(monkeypatch) -> None:
    assert is_oracle("snapkv@query:kernel=3+int8")
    assert not is_oracle("snapkv:window=4")

    @dataclass(frozen=True)
    class Hidden(Eviction):
        name: ClassVar[str] = "hidden"
        reusable = False

        def score(self, view):
            return view.keys.norm(dim=-1)

    monkeypatch.setattr(spec_module.COMPRESSORS, "load", lambda name: Hidden)
    with pytest.raises(GistevalError, match="its name must end with @query if `reusable` is False"):
        build_compressor("hidden")


def test_an_allocation_around_an_oracle_is_refused() -> None:
    with pytest.raises(GistevalError, match="chooses slots for each input"):
        build_compressor("snapkv@query+adakv")
