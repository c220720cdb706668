"""Passes without numbers have the shapes of real ones."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, DynamicCache

from gisteval.errors import GistevalError
from gisteval.profiling.meta import META, Pass, _slot_shapes, build_meta_model, wrap
from gisteval.profiling.shapes import parse_config

SHARED = {"vocab_size": 60, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
HEADS = {"num_attention_heads": 4, "num_key_value_heads": 2}
CONFIGS = {
    "llama": {"model_type": "llama", **SHARED, **HEADS},
    "gpt2": {"model_type": "gpt2", "vocab_size": 60, "n_embd": 32, "n_head": 4, "n_layer": 3},
    "t5": {"model_type": "t5", "vocab_size": 60, "d_model": 32, "d_ff": 48, "d_kv": 8, "num_heads": 4},
}


def run(config: dict[str, object], step: Pass) -> torch.Size:
    module, inputs = wrap(build_meta_model(config), step)
    with torch.no_grad():
        return module(*inputs).shape


@pytest.mark.parametrize("name", CONFIGS)
def test_a_model_without_numbers_has_the_weights_of_a_real_one(name: str) -> None:
    kind = AutoModelForSeq2SeqLM if name == "t5" else AutoModelForCausalLM
    real = kind.from_config(parse_config(CONFIGS[name]))
    found = build_meta_model(CONFIGS[name])
    shapes = [{part: w.shape for part, w in model.named_parameters()} for model in (real, found)]
    assert shapes[0] == shapes[1] and {w.device for w in found.parameters()} == {META}


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_slots_have_the_shapes_of_a_real_cache(name: str) -> None:
    cache = DynamicCache()
    real = AutoModelForCausalLM.from_config(parse_config(CONFIGS[name]))
    real(torch.zeros(1, 5, dtype=torch.long), past_key_values=cache)
    found = _slot_shapes(build_meta_model(CONFIGS[name]), 5)
    assert found == [(layer.keys.shape, layer.values.shape) for layer in cache.layers]
    assert _slot_shapes(build_meta_model(CONFIGS[name]), 0) == []


@pytest.mark.parametrize(
    ("name", "step", "shape"),
    [
        ("llama", Pass(7, 0), (1, 7, 60)),
        ("llama", Pass(4, 3), (1, 4, 60)),
        ("llama", Pass(4, 3, logits=1), (1, 1, 60)),
        ("gpt2", Pass(4, 3, logits=0), (1, 4, 32)),
        ("t5", Pass(4, 3), (1, 1, 60)),
        ("t5", Pass(4, 3, generated=2), (1, 1, 60)),
    ],
)
def test_a_pass_gives_what_was_asked_of_the_output_matrix(name: str, step: Pass, shape: tuple) -> None:
    assert run(CONFIGS[name], step) == shape


def test_what_can_not_be_built_is_one_line() -> None:
    with pytest.raises(
        GistevalError, match=r"no language model can be built from model_type llama .*nonsense"
    ):
        build_meta_model({**CONFIGS["llama"], "hidden_act": "nonsense"})
