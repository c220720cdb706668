"""Counting on the meta device: fvcore, torch, and what they don't know."""

from __future__ import annotations

import pytest

from gisteval.errors import GistevalError
from gisteval.profiling.meta import Pass
from gisteval.profiling.operators import OperatorCounter
from gisteval.profiling.shape_flops import shape_flops
from gisteval.profiling.shapes import describe_config, load_shape

SMALL = {
    "llama": {"vocab_size": 60, "hidden_size": 32, "intermediate_size": 48, "num_attention_heads": 4},
    "gpt2": {"vocab_size": 60, "n_embd": 32, "n_head": 4, "n_layer": 5},
    "t5": {"vocab_size": 60, "d_model": 32, "d_ff": 48, "d_kv": 8, "num_heads": 4, "num_layers": 4},
}


@pytest.mark.parametrize("name", list(SMALL))
def test_two_depths_give_what_the_whole_stack_gives(name):
    config = {"model_type": name, **SMALL[name]}
    if name == "llama":
        config["num_hidden_layers"] = 5
    for step in (Pass(7, 0), Pass(4, 3)):
        short, whole = OperatorCounter(config).count(step), OperatorCounter(config, whole=True).count(step)
        assert (short.fvcore, short.torch) == (whole.fvcore, whole.torch)
        assert dict(short.unsupported) == dict(whole.unsupported)
        assert (short.traced_layers, whole.traced_layers) == ("1 and 2 of each stack", "all")


def test_output_tokens_are_counted_apart_and_in_the_total():
    shape = load_shape("llama-7b")
    one, ten = shape_flops(shape, 12, 4), shape_flops(shape, 12, 4, 10)
    assert one.decode is None and ten.prefill == one.prefill
    for tool in ("closed_form", "fvcore", "torch"):
        assert getattr(ten.total, tool) == getattr(ten.prefill, tool) + getattr(ten.decode, tool)
    assert ten.total.fvcore == ten.total.torch


def test_elementwise_operators_are_listed_not_dropped():
    flops = shape_flops(load_shape("llama-7b"), 58, 0)
    assert {"aten::mul", "aten::add", "aten::softmax", "aten::silu"} <= set(flops.unsupported)
    assert flops.unsupported["aten::silu"] == 32
    assert flops.closed_parts.mm + flops.closed_parts.bmm == flops.total.fvcore


def test_a_model_without_closed_form_still_gets_the_other_two():
    shape = describe_config("small", {"model_type": "gpt2", **SMALL["gpt2"]})
    flops = shape_flops(shape, 9, 2, 3)
    assert flops.total.closed_form is None
    norms = 5 * 32 * (2 * 5 + 1) * (9 + 2)  # fvcore's LayerNorms: 5 a number, 9 + 2 tokens
    assert flops.total.fvcore == flops.total.torch + norms
    assert "gpt2" in flops.shape.reason


def test_what_cannot_run_without_weights_is_named_with_a_way_out():
    config = {"model_type": "jetmoe", "hidden_size": 32, "num_hidden_layers": 1, "vocab_size": 50}
    shape = describe_config("x", {**config, "num_key_value_heads": 2, "kv_channels": 8})
    with pytest.raises(GistevalError, match=r"jetmoe: its FLOPs can't be .*gisteval profile --model"):
        shape_flops(shape, 5, 0)


def test_experts_are_counted_by_all_tools_alike():
    config = {"model_type": "mixtral", "vocab_size": 60, "hidden_size": 32, "intermediate_size": 48,
              "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}  # fmt: skip
    found = shape_flops(describe_config("x", config), 7, 3, 2)
    assert found.total.fvcore == found.total.torch > 0


def test_other_encoder_decoders_run_whole_prompts_only():
    config = {
        "model_type": "bart", "vocab_size": 60, "d_model": 16,
        "encoder_layers": 2, "encoder_ffn_dim": 24, "encoder_attention_heads": 2,
        "decoder_layers": 2, "decoder_ffn_dim": 24, "decoder_attention_heads": 2,
    }  # fmt: skip
    assert OperatorCounter(config).count(Pass(8, 0)).fvcore > 0
    with pytest.raises(GistevalError, match="decoder-only"):
        OperatorCounter(config).count(Pass(8, 2))


@pytest.mark.parametrize("lengths", [(0, 0, 1), (3, -1, 1), (3, 0, 0)])
def test_lengths_that_make_no_sense_are_refused(lengths):
    with pytest.raises(GistevalError, match="at least"):
        shape_flops(load_shape("llama-7b"), *lengths)
