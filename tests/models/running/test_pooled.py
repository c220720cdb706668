"""Pooled prefixes of many families: windows of one token are the whole prompt, long ones lie between."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from family_check import family_tokens, rows
from tiny_families import Family, tiny_model

from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.pooled import middles, pooled_prefixes

FAMILIES = {
    "llama": Family("llama", "llama"),
    "phi3": Family("phi3", "phi3"),
    "gpt_neox, rotated in part": Family("gpt_neox", "gpt_neox"),
    "gpt2, not rotated": Family("gpt2", "gpt2"),
    "gemma3 with windows": Family("gemma3", "gemma3_text", {"sliding_window": 16}),
    "smollm3 with layers that don't rotate": Family("smollm3", "smollm3", {"num_hidden_layers": 4}),
}


def test_a_window_stands_where_its_middle_token_stood():
    assert middles([1, 1, 2, 3, 4]).tolist() == [0, 1, 2, 5, 8]


@pytest.mark.parametrize("name", list(FAMILIES))
def test_windows_of_one_token_are_the_whole_prompt(name):
    network: Any = tiny_model(FAMILIES[name])
    model = DecoderModel(network, family_tokens())
    prompts, inputs, targets = rows((3, 52, 9), 1), rows((5, 2, 20), 2), rows((6, 4, 3), 3)
    kept = pooled_prefixes(model, prompts, [[[1] * len(prompt) for prompt in prompts]])[0]
    whole = model.whole(prompts)
    for one, other in zip(kept, whole, strict=True):
        for own, stock in zip(one.layers, other.layers, strict=True):
            assert all(torch.allclose(a, b, rtol=1e-5, atol=1e-5) for a, b in zip(own, stock, strict=True))
    losses = (model.run(prefixes, inputs).nll(targets) for prefixes in (kept, whole))
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(*losses, strict=True))
    pooled = pooled_prefixes(model, prompts, [[[len(prompt)] for prompt in prompts]])[0]
    for one, other in zip(pooled, whole, strict=True):
        assert one.slots == 1
        for (_, mean), (_, values) in zip(one.layers, other.layers, strict=True):
            assert torch.allclose(mean, values.mean(1, keepdim=True), atol=1e-5)
