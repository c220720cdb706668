"""Families of text models: run and equal to the stock model on each row alone, or refused with a reason."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from family_check import LARGEST, differences, family_tokens, stock_logits
from safetensors.torch import save_file
from tiny_families import WINDOW, families, family, refusal, tiny_config, tiny_model
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.loading import ADAPTERS
from gisteval.models.running.architecture import architecture_of
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.families import REFUSED, REFUSED_ENCODER_DECODERS
from gisteval.models.running.windows import context_of, layer_windows
from gisteval.records.schema import Example

MAIN = (
    "llama", "llama4_text", "llama4_text, scaled queries", "mistral", "mixtral, sliding window", "qwen2",
    "qwen2, sliding window",
    "qwen2_moe", "qwen3", "phi", "phi3", "phi3, sliding window", "phi3, longrope", "gemma", "gemma2",
    "gemma3", "gemma3_text", "gemma3n_text", "gemma4", "gpt2", "gpt_neo", "gpt_neox", "gptj", "gpt_oss",
    "opt", "falcon", "falcon, alibi", "bloom", "olmo2", "cohere", "cohere2", "stablelm", "smollm3",
    "deepseek_v3", "granitemoehybrid, attention only", "t5", "mt5", "umt5",
)  # fmt: skip

REASONS = {
    "mamba": "carries a state",
    "rwkv": "carries a state",
    "xlstm": "carries a state",
    "jamba": "some of its layers carry a state",
    "lfm2": "some of its layers carry a state",
    "qwen3_next": r"some of its layers \(linear_attention\) carry a state",
    "falcon_h1": "some of its layers carry a state",
    "bamba": "some of its layers carry a state",
    "zamba2": "some of its layers carry a state",
    "nemotron_h": "some of its layers carry a state",
    "granitemoehybrid": "carry a state",
    "recurrent_gemma": "some of its layers carry a state",
    "openai-gpt": "keeps no cache",
    "xlnet": "two streams",
    "reformer": "hashed buckets",
    "mpt": "linear biases",
    "roberta": "count positions behind the padding",
    "llama, is_causal false": "both directions",
    "gemma3_text, bidirectional": "both directions",
    "bert": "reads a text in both directions",
    "trocr": "no position ids",
    "deepseek_v32": "index",
    "gemma4_assistant": "drafts",
    "longt5": "attends within blocks",
    "switch_transformers": "experts drop tokens",
    "bart": "positions by columns",
    "t5gemma": "no keys and values",
    "voxtral": "lists no causal language model",
}


def adapter(name: str):
    found = family(name)
    architecture = architecture_of(tiny_config(found).to_dict(), name)
    return ADAPTERS[architecture](tiny_model(found), family_tokens()).endless()


@pytest.mark.parametrize("name", MAIN)
def test_a_family_equals_its_stock_model_row_by_row(name):
    assert refusal(family(name)) is None
    found = differences(adapter(name))
    assert found.worst <= LARGEST, found


@pytest.mark.parametrize("name", ["mistral", "gemma2", "llama4_text", "gpt_neo"])
def test_a_window_that_is_not_followed_would_be_noticed(name, monkeypatch):
    model = adapter(name)
    assert any(model.windows)
    everywhere = (None,) * len(model.windows)
    monkeypatch.setattr(model, "windows", everywhere)
    monkeypatch.setattr("gisteval.models.running.layer_masks.layer_windows", lambda config: everywhere)
    found = differences(model)
    assert found.stock > 1e-2
    assert found.masked <= LARGEST  # both paths share the fault: only the stock model shows it


@pytest.mark.parametrize("name", ["bloom", "falcon, alibi"])
def test_biases_by_columns_would_be_noticed(name, monkeypatch):
    from gisteval.models.running.alibi import Alibi

    by_positions = Alibi.arguments

    def by_columns(self, mask, keys):
        return by_positions(self, mask, torch.arange(keys.shape[1]).expand_as(keys))

    monkeypatch.setattr(Alibi, "arguments", by_columns)
    assert differences(adapter(name)).stock > 1e-2


@pytest.mark.parametrize("name", REASONS)
def test_a_family_that_cannot_be_proved_is_refused_for_its_own_reason(name):
    assert re.search(REASONS[name], refusal(family(name)) or "")


def test_a_refused_checkpoint_is_never_loaded(tmp_path, tiny_tokenizer):
    """A folder whose weights are no model's: the reason comes before them."""
    from gisteval.models.checkpoints.checkpoint import inspect_checkpoint

    tiny_tokenizer.save_pretrained(tmp_path)
    save_file({"nothing.a.mamba.has": torch.zeros(1)}, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "mamba"}))
    with pytest.raises(GistevalError) as error:
        inspect_checkpoint(tmp_path)
    assert "mamba" in str(error.value) and "state" in str(error.value)


def test_a_hybrid_is_refused_by_its_layers_inside_a_nested_configuration():
    text = {"model_type": "qwen3_5_text", "layer_types": ["linear_attention", "full_attention"]}
    with pytest.raises(GistevalError, match=r"\(linear_attention\) carry a state"):
        architecture_of({"model_type": "some_new_model", "text_config": text}, "here")


def test_layers_of_an_unknown_kind_are_refused():
    config = {"model_type": "some_new_model", "layer_types": ["full_attention", "compressed_attention"]}
    with pytest.raises(GistevalError, match=r"\(compressed_attention\) keep more than keys and values"):
        architecture_of(config, "here")


def test_no_type_has_two_reasons():
    for table in (REFUSED, REFUSED_ENCODER_DECODERS):
        kinds = [kind for found in table.values() for kind in found]
        assert len(kinds) == len(set(kinds))


def test_the_matrix_names_every_family_that_transformers_knows():
    page = (Path(__file__).resolve().parents[3] / "docs" / "models.md").read_text(encoding="utf-8")
    named = {line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")}
    missing = {found.name for found in families()} - named
    assert not missing, "run make families"
    assert "FAILED" not in page


def test_a_longrope_is_run_up_to_its_switch_and_says_so():
    config = tiny_config(family("phi3, longrope"))
    context = context_of(config)
    assert context.tokens == 96
    assert "gisteval's limit" in context.limit and "128" in context.limit
    assert context_of(tiny_config(family("phi3"))).tokens == 128


def test_examples_over_the_switch_of_a_longrope_are_left_out():
    model = adapter("phi3, longrope")
    assert isinstance(model, DecoderModel)
    short = Example("1", "tiny", "test", "say", "cats", "yes")
    long = Example("2", "tiny", "test", "say the first word " * 40, "cats", "yes")
    assert model.fitting([short, long]) == [short]
    with pytest.raises(GistevalError, match=r"exceeds the context of 96 \(gisteval's limit"):
        model.encode([[5] * 97], None)


def test_rows_that_doge_would_choose_tokens_of_are_over_its_context():
    assert context_of(CONFIG_MAPPING["doge"](keep_window_size=64)).tokens == 64


def test_what_counts_columns_is_as_it_was_after_a_pass():
    for name in ("gpt_neo", "llama4_text, scaled queries"):
        model = adapter(name)
        before = stock_logits(model, [5] * 30, [6] * 9, [7])
        model.run(model.encode([[5] * 30, [6] * 3], None), [[6] * 9, [8]])
        assert torch.equal(stock_logits(model, [5] * 30, [6] * 9, [7]), before)


def test_rows_over_a_window_are_run():
    model = adapter("mistral")
    assert [window.size for window in model.windows] == [WINDOW] * 4
    assert model.context == 128


def test_windows_of_a_nested_configuration_are_those_of_its_text_part():
    config = tiny_config(family("gemma3"))
    assert layer_windows(config) == layer_windows(config.text_config)
    assert any(layer_windows(config))
