"""GPT-Neo's own masks of columns are opened for a pass, and come back."""

from __future__ import annotations

import torch
from transformers import GPTNeoConfig, GPTNeoForCausalLM

from gisteval.models.running.columns import by_positions


def test_masks_of_columns_are_open_inside_and_back_afterwards() -> None:
    sizes = {"vocab_size": 50, "hidden_size": 16, "num_layers": 2, "num_heads": 2, "window_size": 3}
    model = GPTNeoForCausalLM(GPTNeoConfig(**sizes, attention_types=[[["global", "local"], 1]]))
    blocks = list(model.transformer.h)
    before = [block.attn.attention.bias for block in blocks]
    assert not bool(before[1].all())
    with by_positions(model, lambda _: blocks, torch.zeros(1, 1)):
        assert all(bool(block.attn.attention.bias[..., :9, :9].all()) for block in blocks)
    assert all(block.attn.attention.bias is one for block, one in zip(blocks, before, strict=True))
