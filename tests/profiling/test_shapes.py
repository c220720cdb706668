"""Closed-form sizes of shapes against the stock models themselves, on the meta device."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.profiling.meta import build_meta_model
from gisteval.profiling.shapes import describe_config, load_shape

LLAMA = {
    **{"model_type": "llama", "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 3},
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100},
}
T5 = {
    **{"model_type": "t5", "d_model": 32, "d_kv": 8, "d_ff": 48, "num_layers": 2, "num_decoder_layers": 3},
    **{"num_heads": 4, "vocab_size": 100, "feed_forward_proj": "gated-gelu"},
}


@pytest.mark.parametrize("tied", [True, False])
def test_parameters_of_a_decoder_are_those_of_the_stock_model(tied: bool) -> None:
    config = {**LLAMA, "tie_word_embeddings": tied}
    shape = describe_config("x", config).closed
    count = sum(weight.numel() for weight in build_meta_model(config).parameters())
    assert shape is not None and shape.parameters == count
    assert shape.slot_values == 2 * 3 * 2 * 8
    assert shape.read_each_pass == count - (0 if tied else 100 * 32)
    assert shape.read_to_compress == count - (1 if tied else 2) * 100 * 32
    assert shape.held(5, 2) == 7 * shape.slot_values


def test_parameters_of_a_t5_are_those_of_the_stock_model() -> None:
    count = sum(weight.numel() for weight in build_meta_model(T5).parameters())
    shape = describe_config("x", T5).closed
    assert shape is not None and shape.parameters == pytest.approx(count, rel=0.01)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"hidden_act": "gelu"}, "its MLP's activation is gelu"),
        ({"model_type": "gpt2"}, "there is none for"),
    ],
)
def test_without_a_closed_form_there_is_a_reason(change: dict, reason: str) -> None:
    found = describe_config("x", {**LLAMA, **change})
    assert found.closed is None and reason in (found.reason or "")


def test_a_file_or_its_folder_gives_its_shape_and_faults_are_named(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(LLAMA))
    assert load_shape(str(file)) == load_shape(str(tmp_path)) == describe_config(tmp_path.name, LLAMA)
    for text, message in (("{}", "names no model_type"), ("{", "can't be read as JSON")):
        file.write_text(text)
        with pytest.raises(GistevalError, match=message):
            load_shape(str(file))
    with pytest.raises(GistevalError, match="shape 'nothing' is unknown"):
        load_shape("nothing")
