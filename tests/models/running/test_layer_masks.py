"""Masks that differ from layer to layer: what attention really does, and hooks that leave no trace."""

from __future__ import annotations

import pytest
import torch

from gisteval.compressors.gist.gist import Gist
from gisteval.errors import GistevalError
from gisteval.masks import CONTINUATION, GIST, PROMPT, MaskRule, head_masks
from gisteval.models.running.layer_masks import decoder_layers, layer_masks

NETWORKS = [("llama", "sdpa"), ("mistral", "sdpa"), ("qwen2", "sdpa"), ("gpt2", "sdpa"), ("gpt2", "eager")]
INSTRUCTIONS = ["say the first word", "repeat yes or no or maybe"]


def logits(model, rule) -> torch.Tensor:
    prompts = Gist().prompts(model, INSTRUCTIONS)
    return torch.cat(model.masked_logits(prompts, model.tokens.continuations(["cats", "a dog"]), rule))


def hooks(model) -> int:
    return sum(len(layer._forward_pre_hooks) for layer in decoder_layers(model.model))


@pytest.mark.parametrize(("name", "attention"), NETWORKS)
def test_all_layers_named_is_the_uniform_rule_and_none_is_the_positive_control(tiny_model, name, attention):
    model = tiny_model(name, 3, attention)
    uniform, positive = logits(model, MaskRule("gist")), logits(model, MaskRule("pos_control"))
    assert torch.equal(logits(model, MaskRule("gist", layers=frozenset(range(3)))), uniform)
    assert torch.equal(logits(model, MaskRule("gist", layers=frozenset())), positive)
    for layer in range(3):
        partial = logits(model, MaskRule("gist", layers=frozenset({layer})))
        assert float((partial - uniform).abs().max()) > 1e-3
        assert float((partial - positive).abs().max()) > 1e-3


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize(
    "rule",
    [
        MaskRule("gist", layers=frozenset({0, 2})),
        MaskRule("neg_control", layers=frozenset({1})),
        MaskRule("gist", leak_window=2, layers=frozenset({1}), heads=frozenset({0, 3})),
        MaskRule("gist", heads=frozenset({2})),
    ],
)
def test_attention_of_each_layer_and_head_is_zero_exactly_where_the_rule_hides(tiny_model, name, rule):
    model = tiny_model(name, 3, "eager")
    prompt = Gist().prompts(model, INSTRUCTIONS)[1]
    continuation = model.tokens.continuations(["cats"])[0]
    roles = torch.tensor([[PROMPT] * (len(prompt) - 3) + [GIST] * 3 + [CONTINUATION] * len(continuation)])
    ids = torch.tensor([prompt + continuation])
    with torch.inference_mode(), layer_masks(model.model, roles, rule) as mask:
        seen = model.model(input_ids=ids, attention_mask=mask, output_attentions=True).attentions
    for layer, weights in enumerate(seen):
        expected = head_masks(roles, rule.at_layer(layer), 4).expand(1, 4, -1, -1)
        assert torch.equal(weights > 0, expected)


def test_hooks_are_gone_afterwards_also_after_an_error(tiny_model):
    model = tiny_model("llama", 3)
    before = logits(model, MaskRule("gist"))
    roles = torch.tensor([[PROMPT, GIST, CONTINUATION]])
    with (
        pytest.raises(RuntimeError, match="on purpose"),
        layer_masks(model.model, roles, MaskRule("gist", layers=frozenset({1}))),
    ):
        assert hooks(model) == 3
        raise RuntimeError("on purpose")
    assert hooks(model) == 0
    assert torch.equal(logits(model, MaskRule("gist")), before)


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (MaskRule("gist", layers=frozenset({1}), heads=frozenset({9})), r"heads \[9\] do not exist"),
        (MaskRule("gist", layers=frozenset({0, 3})), r"layers \[3\] do not exist: the model has 3"),
    ],
)
def test_heads_and_layers_that_do_not_exist_are_refused_and_leave_no_hook(tiny_model, rule, message):
    model = tiny_model("llama", 3)
    with pytest.raises(ValueError, match=message):
        logits(model, rule)
    assert hooks(model) == 0


def test_a_model_that_makes_its_own_mask_is_refused(tiny_model):
    """A block that is not handed the very mask would be evaluated under the wrong one."""
    model = tiny_model("llama", 3)
    roles = torch.tensor([[PROMPT, GIST, CONTINUATION]])
    with (
        layer_masks(model.model, roles, MaskRule("gist", layers=frozenset({1}))) as mask,
        pytest.raises(GistevalError, match="LlamaDecoderLayer does not take the mask"),
    ):
        model.model(input_ids=torch.tensor([[4, 5, 6]]), attention_mask=mask.clone())
    assert hooks(model) == 0


def test_a_model_without_a_list_of_blocks_is_refused():
    with pytest.raises(GistevalError, match="no list of decoder blocks was found"):
        decoder_layers(torch.nn.ModuleDict({"base_model": torch.nn.Linear(1, 1)}))
