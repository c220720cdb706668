"""Linear biases by position, against the stock model's own of an unpadded row."""

from __future__ import annotations

import torch
from transformers import BloomConfig, BloomForCausalLM, LlamaConfig, LlamaForCausalLM

from gisteval.models.running.alibi import alibi_of


def test_a_bloom_alone_gets_its_stock_biases_and_a_shift_moves_them() -> None:
    model = BloomForCausalLM(BloomConfig(vocab_size=50, hidden_size=16, n_layer=1, n_head=4))
    found = alibi_of(model, model.transformer)
    assert found is not None and not found.in_mask
    mask, places = torch.zeros(1, 1, 5, 5), torch.arange(5)[None]
    given = found.arguments(mask, places)
    stock = model.transformer.build_alibi_tensor(torch.ones(1, 5), 4, torch.float32)
    assert torch.equal(given["attention_mask"], mask)
    assert torch.allclose(given["alibi"].reshape(stock.shape), stock)
    moved = found.arguments(mask, places + 3)["alibi"].reshape(stock.shape) - stock
    assert torch.allclose(moved, moved[..., :1].expand_as(moved), atol=1e-6)  # the same for every key


def test_a_rotating_model_has_none() -> None:
    sizes = {"vocab_size": 50, "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1}
    model = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=2))
    assert alibi_of(model, model.model) is None
