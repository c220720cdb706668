"""What stands in profile.json beside the times."""

from __future__ import annotations

import torch
from transformers import MixtralConfig, MixtralForCausalLM

from gisteval.models.checkpoints.loading import ADAPTERS
from gisteval.models.running.architecture import architecture_of
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.pipeline.profile.content import _weight_bytes


def test_a_pass_reads_as_many_experts_as_a_token_uses_at_least(tiny_tokenizer) -> None:
    size, width, inner = len(tiny_tokenizer), 32, 48
    config = MixtralConfig(
        vocab_size=size,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=1,
        num_attention_heads=4,
        num_key_value_heads=2,
        num_local_experts=6,
        num_experts_per_tok=2,
        pad_token_id=None,
        bos_token_id=None,
        eos_token_id=None,
    )
    architecture = architecture_of({"model_type": "mixtral"}, "test")
    tokens = PromptTokenizer(tiny_tokenizer, architecture.template, 1, architecture.closes_input)
    model = ADAPTERS[architecture](MixtralForCausalLM(config).eval(), tokens)
    attention = 2 * width * (width + width // 2)
    used = 2 * 3 * width * inner + 6 * width  # two experts, and the router's row of each
    norms = 3 * width
    assert _weight_bytes(model) == 4 * (attention + used + norms + size * width)


def test_a_dense_pass_reads_all_but_an_embedding_of_its_own(tiny_model) -> None:
    model = tiny_model("llama", 1)
    weights = sum(weight.numel() for weight in model.model.parameters())
    table = model.model.get_input_embeddings().weight
    assert _weight_bytes(model) == 4 * (weights - table.numel())
    assert table.dtype == torch.float32
