"""Greedy answers against stock `generate` of transformers, a path that shares nothing with ours."""

from __future__ import annotations

import pytest
import torch
from transformers import DynamicCache

from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.models.running.padding import pad_left

NETWORKS = ["llama", "mistral", "qwen2", "gpt2"]
INSTRUCTIONS = ["say", "say the first word twice or maybe no " * 3, "repeat yes"]
INPUTS = ["cats, dogs and worlds", "", "dogs " * 12]
LENGTH = 8


def expected_tokens(model, generated: torch.Tensor) -> list[int]:
    """Generated ids up to the end token."""
    ids = generated.tolist()
    return ids[: min((ids.index(end) for end in model.end_ids if end in ids), default=len(ids))]


def stock_generate(model, ids: torch.Tensor, **options) -> torch.Tensor:
    return model.model.generate(
        input_ids=ids,
        do_sample=False,
        max_new_tokens=LENGTH,
        suppress_tokens=model.suppressed_ids,
        pad_token_id=model.tokens.tokenizer.pad_token_id,
        **options,
    )[:, ids.shape[1] :]


@pytest.mark.parametrize("name", NETWORKS)
def test_positive_control_is_generate_on_the_plain_prompt(tiny_model, name):
    model = tiny_model(name, 1)
    decoded = model.open(Full().compress(model, INSTRUCTIONS, None), INPUTS).decode(LENGTH)
    continuations = model.tokens.continuations(INPUTS)
    prompts = Full().prompts(model, INSTRUCTIONS)
    ids, present = pad_left([p + x for p, x in zip(prompts, continuations, strict=True)], model.device)
    generated = stock_generate(model, ids, attention_mask=present.long())
    for row, tokens in zip(decoded, generated, strict=True):
        assert list(row.token_ids) == expected_tokens(model, tokens)


@pytest.mark.parametrize("k", [1, 3])
@pytest.mark.parametrize("name", NETWORKS)
def test_gist_is_generate_behind_a_stock_cache(tiny_model, name, k):
    model = tiny_model(name, k)
    compressed = Gist().compress(model, INSTRUCTIONS, None)
    decoded = model.open(compressed, INPUTS).decode(LENGTH)
    continuations = model.tokens.continuations(INPUTS)
    for prefix, continuation, row in zip(compressed, continuations, decoded, strict=True):
        cache = DynamicCache()
        for layer, (keys, values) in enumerate(prefix.layers):
            cache.update(keys[None].clone(), values[None].clone(), layer)
        # generate drops the ids that a cache already covers, so the gists stand before the input.
        ids = torch.tensor([model.tokens.gists + continuation])
        start = prefix.next_position - k
        generated = stock_generate(
            model,
            ids,
            attention_mask=torch.ones_like(ids),
            position_ids=torch.arange(start, start + ids.shape[1])[None],
            past_key_values=cache,
        )
        assert list(row.token_ids) == expected_tokens(model, generated[0])
