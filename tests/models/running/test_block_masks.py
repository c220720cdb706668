"""Masks a block and head of an encoder-decoder, beside a stock T5 with attention written by hand."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from random_models import random_model
from torch import Tensor
from transformers.models.t5 import modeling_t5

from gisteval.masks import MaskRule
from gisteval.models.running.encoder_decoder import EncoderDecoderModel

PROMPTS, INPUTS, ANSWERS = [[9, 8, 7, 6], [5, 9]], [[11, 12], [13, 14, 15]], [[20, 21, 22], [23]]
ALL = 10**6
STRICT, CLOSED = MaskRule("gist"), MaskRule("neg_control")


def some(condition: str, leak: int = 0, **where: set[int]) -> MaskRule:
    """A rule that holds in some layers or heads alone; the others have the gist mask."""
    return MaskRule(
        condition, leak, elsewhere="gist", **{name: frozenset(these) for name, these in where.items()}
    )


@pytest.fixture(scope="module")
def model() -> EncoderDecoderModel:
    return random_model("t5", k=2)


def prompts(model: EncoderDecoderModel) -> list[list[int]]:
    return [[*prompt, *[model.tokens.gist_id] * 2] for prompt in PROMPTS]


def sees(kind: str, role: str, key: str) -> bool:
    """Whether an input or the decoder sees a token: `kind` is what is seen of the prompt."""
    if role in "tG":  # the prompt's own tokens see each other, and never the input
        return key in "tG"
    return key == "x" or kind == "open" or (kind == "gist" and key == "G")


def by_hand(model: EncoderDecoderModel, encoder: Callable, decoder: Callable, monkeypatch) -> list[Tensor]:
    """Mean losses of the answers. encoder, decoder: what a layer and head see of the prompt."""
    network = copy.deepcopy(model.model)
    network.set_attn_implementation("eager")
    kinds = {block.layer[0].SelfAttention: encoder for block in network.encoder.block}
    kinds |= {block.layer[1].EncDecAttention: decoder for block in network.decoder.block}
    layers = {
        module: layer
        for stack in (network.encoder, network.decoder)
        for layer, block in enumerate(stack.block)
        for module in (block.layer[0].SelfAttention, getattr(block.layer[1], "EncDecAttention", None))
    }

    def attention(module, query, key, value, mask, position_bias=None, **_):
        scores = query @ key.transpose(2, 3) + position_bias
        for head in range(scores.shape[1]):
            for at in range(scores.shape[2]):
                for column in range(scores.shape[3]):
                    if module not in kinds:
                        seen = column <= at  # the decoder among its own tokens
                    else:
                        role = "y" if kinds[module] is decoder else roles[at]
                        seen = sees(kinds[module](layers[module], head), role, roles[column])
                    if not seen:
                        scores[:, head, at, column] = -torch.inf
        return (scores.softmax(-1) @ value).transpose(1, 2), None

    monkeypatch.setattr(modeling_t5, "eager_attention_forward", attention)
    losses = []
    for prompt, text, answer in zip(prompts(model), INPUTS, ANSWERS, strict=True):
        roles = "t" * (len(prompt) - 2) + "GG" + "x" * len(text)
        with torch.inference_mode():
            output = network(input_ids=torch.tensor([[*prompt, *text]]), labels=torch.tensor([answer]))
        losses.append(output.loss)
    return losses


@pytest.mark.parametrize(
    ("rule", "cross", "encoder", "decoder"),
    [
        (STRICT, STRICT, lambda layer, head: "gist", lambda layer, head: "gist"),
        (
            some("gist", ALL, layers={1}),
            STRICT,
            lambda layer, head: "open" if layer == 1 else "gist",
            lambda layer, head: "gist",
        ),
        (
            some("neg_control", layers={0, 2}),
            some("neg_control", layers={1}),
            lambda layer, head: "gist" if layer == 1 else "none",
            lambda layer, head: "none" if layer == 1 else "gist",
        ),
        (
            some("gist", ALL, heads={3}),
            some("gist", ALL, heads={0, 2}),
            lambda layer, head: "open" if head == 3 else "gist",
            lambda layer, head: "open" if head in (0, 2) else "gist",
        ),
        (
            some("gist", ALL, layers={0}, heads={1}),
            some("gist", ALL, layers={0}),
            lambda layer, head: "open" if (layer, head) == (0, 1) else "gist",
            lambda layer, head: "open" if layer == 0 else "gist",
        ),
    ],
)
def test_losses_are_those_of_attention_by_hand(model, rule, cross, encoder, decoder, monkeypatch) -> None:
    found = [
        torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(answer))
        for logits, answer in zip(
            model.predictions(prompts(model), INPUTS, ANSWERS, rule, cross), ANSWERS, strict=True
        )
    ]
    expected = by_hand(model, encoder, decoder, monkeypatch)
    assert torch.stack(found).tolist() == pytest.approx(torch.stack(expected).tolist(), abs=1e-5)


def test_each_layer_and_head_matters(model) -> None:
    def first(rule: MaskRule, cross: MaskRule) -> Tensor:
        return model.predictions(prompts(model), INPUTS, ANSWERS, rule, cross)[0]

    strict = first(STRICT, STRICT)
    for layer in range(model.num_layers):
        assert not torch.allclose(first(some("neg_control", layers={layer}), STRICT), strict, atol=1e-3)
    for layer in range(model.decoder_layers):
        assert not torch.allclose(first(STRICT, some("neg_control", layers={layer})), strict, atol=1e-3)
    for head in range(model.num_heads):
        assert not torch.allclose(first(some("gist", ALL, heads={head}), STRICT), strict, atol=1e-3)
        assert not torch.allclose(first(STRICT, some("gist", ALL, heads={head})), strict, atol=1e-3)


@pytest.mark.parametrize("family", ["t5", "mt5", "umt5"])
def test_a_mask_in_all_layers_and_heads_is_that_of_the_model(family: str) -> None:
    model = random_model(family, k=1)
    rows = [[*prompt, model.tokens.gist_id] for prompt in PROMPTS]
    layers, decoder = set(range(model.num_layers)), set(range(model.decoder_layers))
    heads = set(range(model.num_heads))
    for part in ({}, {"heads": heads}):
        for uniform in (MaskRule("gist", ALL), CLOSED):
            whole = model.predictions(rows, INPUTS, ANSWERS, uniform)
            of_encoder = some(uniform.condition, uniform.leak_window, layers=layers, **part)
            of_decoder = some(uniform.condition, uniform.leak_window, layers=decoder, **part)
            everywhere = model.predictions(rows, INPUTS, ANSWERS, of_encoder, of_decoder)
            for one, other in zip(whole, everywhere, strict=True):
                assert torch.allclose(one, other, atol=1e-5)


def test_hooks_are_gone_afterwards(model) -> None:
    before = model.predictions(prompts(model), INPUTS, ANSWERS, STRICT)
    model.predictions(
        prompts(model), INPUTS, ANSWERS, some("neg_control", layers={0}), some("gist", ALL, heads={1})
    )
    assert not any(module._forward_pre_hooks for module in model.model.modules())
    after = model.predictions(prompts(model), INPUTS, ANSWERS, STRICT)
    assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))


def test_layers_and_heads_that_do_not_exist_are_refused(model) -> None:
    for rule, message in (
        (some("gist", layers={7}), r"layers \[7\] do not exist: the model has 3"),
        (some("gist", heads={9}), r"heads \[9\] do not exist: the model has 4"),
    ):
        with pytest.raises(ValueError, match=message):
            model.predictions(prompts(model), INPUTS, ANSWERS, rule, STRICT)
    with pytest.raises(ValueError, match=r"layers \[2\] do not exist: the model has 2"):
        model.predictions(prompts(model), INPUTS, ANSWERS, STRICT, some("gist", layers={2}))
