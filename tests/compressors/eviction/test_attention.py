"""Attention weights of a view against the stock model's own, of batches, windows and blocks."""

from __future__ import annotations

import pytest
import torch
from family_check import family_tokens
from transformers import AutoModelForCausalLM, Gemma2Config, GPT2Config, MistralConfig, Qwen2Config

from gisteval.compressors.eviction import attention as weights_of
from gisteval.compressors.eviction.expected import ExpectedAttention
from gisteval.compressors.spec import CompressorSpec
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.observe import LayerView

SIZES = {"vocab_size": 96, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8}
CONFIGS = {
    "qwen2": Qwen2Config(**SIZES, num_attention_heads=4, num_key_value_heads=2),
    "gpt2": GPT2Config(vocab_size=96, n_embd=32, n_layer=2, n_head=4),
    "mistral": MistralConfig(**SIZES, **HEADS, sliding_window=5),
    "gemma2": Gemma2Config(**SIZES, **HEADS, sliding_window=5, attn_logit_softcapping=0.5),
}
PROMPTS = [[3 + (7 * i) % 80 for i in range(length)] for length in (12, 9, 17)]


@pytest.fixture(params=CONFIGS)
def model(request: pytest.FixtureRequest) -> DecoderModel:
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(CONFIGS[request.param], attn_implementation="eager")
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(4)  # so that attention is far from uniform
    return DecoderModel(network.eval(), family_tokens())


def views(model: DecoderModel, prompts: list[list[int]]) -> list[LayerView]:
    seen: list[LayerView] = []

    def select(view: LayerView) -> list[torch.Tensor]:
        seen.append(view)
        heads = view.keys.shape[1]
        return [torch.zeros(heads, 1, dtype=torch.long) for _ in view.prompts]

    model.encode(prompts, select=select)
    return seen


def test_weights_are_those_of_the_stock_model_alone(model: DecoderModel) -> None:
    for layer, view in enumerate(views(model, PROMPTS)):
        width = view.keys.shape[2]
        own = weights_of.attention(view, 0, width)
        for row, prompt in enumerate(PROMPTS):
            with torch.inference_mode():
                stock = model.model(torch.tensor([prompt]), output_attentions=True).attentions[layer][0]
            start = width - len(prompt)
            found = own[row, :, :, start:, start:].reshape(stock.shape)
            assert float((found - stock).abs().max()) < 1e-5
            assert float(own[row, ..., :start].abs().max()) == 0 if start else True


def test_blocks_add_up_to_the_whole(model: DecoderModel, monkeypatch: pytest.MonkeyPatch) -> None:
    (view, _) = views(model, PROMPTS)
    whole = weights_of.received(view)
    monkeypatch.setattr(weights_of, "BLOCK_BYTES", 1)
    assert torch.allclose(weights_of.received(view), whole, atol=1e-6)
    expected = weights_of.attention(view, 0, view.keys.shape[2]).sum(3).mean(2)
    assert torch.allclose(whole, expected, atol=1e-6)


def test_a_row_is_scored_as_it_is_alone(model: DecoderModel) -> None:
    names = ("first", "window", "streaming", "keydiff", "keydiff:shared=true", "tova", "snapkv:window=4")
    for name in (*names, "observed", "h2o", "expected"):
        compressor = CompressorSpec.parse(name).build()
        together = views(model, PROMPTS)
        for row, prompt in enumerate(PROMPTS):
            for view, alone in zip(together, views(model, [prompt]), strict=True):
                found = compressor.score(view)[row, :, view.keys.shape[2] - len(prompt) :]
                assert torch.allclose(found, compressor.score(alone)[0], atol=1e-4), name


def test_the_mean_rotation_is_that_of_rotated_keys() -> None:
    torch.manual_seed(0)
    network = AutoModelForCausalLM.from_config(CONFIGS["qwen2"]).eval()
    model = DecoderModel(network, family_tokens())
    prompt = PROMPTS[0]
    view = views(model, [prompt])[1]
    assert view.rotation is not None
    keys = torch.randn(1, 1, 1, 8)
    turned = []
    for position in range(len(prompt), len(prompt) + 5):
        cos, sin = network.model.rotary_emb(keys, torch.tensor([[position]]))
        turned.append(view.rotation.apply(keys, keys, cos, sin)[1])
    expected = torch.cat(turned).mean(0)
    assert torch.allclose(keys[0] @ view.mean_rotation(5).T, expected, atol=1e-5)
    assert ExpectedAttention().score(view).shape == view.keys.shape[:3]
