"""The whole prompt, against the stock model's own cache."""

from __future__ import annotations

import torch

from gisteval.compressors.full import Full
from gisteval.records.budget import Budget


def test_states_are_those_of_the_stock_cache(tiny_model) -> None:
    model, text = tiny_model("llama", 0), "say the first word"
    (found,) = Full().compress(model, [text], Budget(slots=1))  # whatever the budget
    (ids,) = model.tokens.prompts([text])
    with torch.inference_mode():
        cache = model.model(torch.tensor([ids]), use_cache=True).past_key_values
    assert found.slots == found.next_position == found.accounting.kept == len(ids)
    for (keys, values), layer in zip(found.layers, cache.layers, strict=True):
        assert torch.allclose(keys, layer.keys[0], atol=1e-6)
        assert torch.allclose(values, layer.values[0], atol=1e-6)
