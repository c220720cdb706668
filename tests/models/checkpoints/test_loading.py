"""Checkpoints written and read back: weights, records, vocabularies and formats."""

from __future__ import annotations

import copy
import json
import shutil

import pytest
import torch

from gisteval.compressors.gist.gist import Gist
from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import GistRecord, inspect_checkpoint
from gisteval.models.checkpoints.loading import (
    load_model,
    load_weights,
    resolve,
    save_checkpoint,
)
from gisteval.models.checkpoints.placement import choose_device, choose_dtype
from gisteval.models.checkpoints.vocabulary import fit_vocabulary
from gisteval.models.text.tokens import GIST_TOKEN, find_gist_id
from gisteval.prompts import Template

CPU = torch.device("cpu")
RECORD = GistRecord(
    "tiny", "gist", 2, Template(output="\nAnswer:"), "some/base", 3, {"recipe": {"k": 2, "steps": 7}}
)


def parameters(model) -> dict[str, torch.Tensor]:
    return dict(model.named_parameters())


@pytest.mark.parametrize("name", ["llama", "qwen2", "gpt2", "t5"])
def test_a_checkpoint_is_read_back_as_it_was_written(tmp_path, tiny_network, tiny_tokenizer, name):
    network = tiny_network(name)
    save_checkpoint(tmp_path, network, tiny_tokenizer, RECORD)
    checkpoint = inspect_checkpoint(tmp_path)
    assert checkpoint.record == RECORD
    model = load_model(checkpoint, CPU, torch.float32)
    assert (model.tokens.k, model.tokens.template, model.leak_window) == (2, RECORD.template, 3)
    assert not model.model.training
    before, after = parameters(network), parameters(model.model)
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    text = "say <GIST>, cats"
    assert model.tokens.tokenizer(text)["input_ids"] == tiny_tokenizer(text)["input_ids"]


def test_half_precision_on_disk_is_read_in_the_dtype_asked_for(tmp_path, tiny_network, tiny_tokenizer):
    network = tiny_network("llama")
    expected = {key: weight.half().float() for key, weight in parameters(network).items()}
    full, half = tmp_path / "full", tmp_path / "half"
    save_checkpoint(full, copy.deepcopy(network), tiny_tokenizer, RECORD)
    save_checkpoint(half, network, tiny_tokenizer, RECORD, torch.float16)
    sizes = [(folder / "model.safetensors").stat().st_size for folder in (half, full)]
    assert sizes[0] < 0.55 * sizes[1]
    model = load_model(inspect_checkpoint(half), CPU, torch.float32)
    assert model.dtype == torch.float32
    assert all(torch.equal(weight, expected[key]) for key, weight in parameters(model.model).items())


@pytest.mark.parametrize("tied", [True, False])
def test_fit_vocabulary_adds_the_mean_row_and_keeps_the_others(tiny_network, tiny_tokenizer, tied):
    network = tiny_network("gpt2" if tied else "llama")
    gist_id = find_gist_id(tiny_tokenizer)
    network.resize_token_embeddings(gist_id - 2)
    inputs = network.get_input_embeddings().weight.detach().clone()
    outputs = network.get_output_embeddings().weight.detach().clone()
    assert torch.equal(inputs, outputs) == tied
    fit_vocabulary(network, tiny_tokenizer)
    for before, table in (
        (inputs, network.get_input_embeddings()),
        (outputs, network.get_output_embeddings()),
    ):
        assert table.weight.shape[0] == gist_id + 1
        assert torch.equal(table.weight[: gist_id - 2], before)
        assert torch.equal(table.weight[gist_id - 2 :], before.mean(0).expand(3, -1))
    shared = network.get_input_embeddings().weight is network.get_output_embeddings().weight
    assert shared == tied
    assert network.config.vocab_size == gist_id + 1


def test_fit_vocabulary_keeps_an_output_matrix_of_its_own(tmp_path, tiny_network, tiny_tokenizer):
    """FLAN-T5 has one, though its configuration always says "tied"; it survives saving as well."""
    network = copy.deepcopy(tiny_network("t5"))
    network.config.scale_decoder_outputs = False
    gist_id = find_gist_id(tiny_tokenizer)
    network.resize_token_embeddings(gist_id)
    network.lm_head.weight = torch.nn.Parameter(torch.randn(gist_id, 32))
    inputs, outputs = (network.shared.weight.detach().clone(), network.lm_head.weight.detach().clone())
    fit_vocabulary(network, tiny_tokenizer)
    save_checkpoint(tmp_path, network, tiny_tokenizer, RECORD)
    loaded = load_weights(inspect_checkpoint(tmp_path), tiny_tokenizer, torch.float32)
    assert loaded.config.scale_decoder_outputs is False
    for model in (network, loaded):
        for before, table in ((inputs, model.shared), (outputs, model.lm_head)):
            assert torch.equal(table.weight[:gist_id], before)
            assert torch.allclose(table.weight[gist_id], before.mean(0), atol=1e-6)
        assert torch.equal(model.encoder.embed_tokens.weight, model.shared.weight)
        assert torch.equal(model.decoder.embed_tokens.weight, model.shared.weight)


def test_fit_vocabulary_leaves_a_model_alone_that_has_the_row(tiny_network, tiny_tokenizer):
    network = tiny_network("llama")
    before = network.get_input_embeddings().weight.detach().clone()
    fit_vocabulary(network, tiny_tokenizer)
    assert torch.equal(network.get_input_embeddings().weight, before)


def test_an_interrupted_copy_is_refused(tmp_path, tiny_network, tiny_tokenizer):
    save_checkpoint(tmp_path, tiny_network("llama"), tiny_tokenizer, RECORD)
    file = tmp_path / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes(whole[:-100])
    with pytest.raises(
        GistevalError, match=f"half-written: {len(whole) - 100} bytes instead of {len(whole)}"
    ):
        inspect_checkpoint(tmp_path)
    file.write_bytes(b"")
    with pytest.raises(GistevalError, match=r"model\.safetensors is damaged"):
        inspect_checkpoint(tmp_path)


def test_a_missing_shard_is_named(tmp_path, tiny_network, tiny_tokenizer):
    network = tiny_network("llama")
    save_checkpoint(tmp_path, network, tiny_tokenizer, RECORD)
    (tmp_path / "model.safetensors").unlink()
    network.save_pretrained(tmp_path, max_shard_size="50KB")
    loaded = parameters(load_model(inspect_checkpoint(tmp_path), CPU, torch.float32).model)
    assert all(torch.equal(weight, loaded[key]) for key, weight in parameters(network).items())
    shards = sorted(tmp_path.glob("*.safetensors"))
    assert len(shards) > 1
    shards[1].unlink()
    with pytest.raises(GistevalError, match=f"half-written: {shards[1].name} is missing"):
        inspect_checkpoint(tmp_path)


def test_pickled_weights_need_a_flag(tmp_path, tiny_network, tiny_tokenizer):
    network = tiny_network("llama")
    save_checkpoint(tmp_path, network, tiny_tokenizer, RECORD)
    (tmp_path / "model.safetensors").unlink()
    torch.save(network.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(GistevalError, match=r"pickle weights \(pytorch_model.bin\).*--allow-pickle"):
        inspect_checkpoint(tmp_path)
    trusted = inspect_checkpoint(tmp_path, allow_pickle=True)
    loaded = parameters(load_weights(trusted, tiny_tokenizer, torch.float32))
    assert all(torch.equal(weight, loaded[key]) for key, weight in parameters(network).items())


def test_a_tokenizer_without_gist_token_is_a_clear_error(tmp_path, tiny_network, tiny_tokenizer):
    save_checkpoint(tmp_path, tiny_network("llama"), tiny_tokenizer, RECORD)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        text = (tmp_path / name).read_text().replace(GIST_TOKEN, "<other>")
        (tmp_path / name).write_text(text)
    with pytest.raises(GistevalError, match="has no <GIST> token: this is not a gist checkpoint"):
        load_model(inspect_checkpoint(tmp_path), CPU, torch.float32)


def test_device_and_dtype_by_name():
    assert choose_device("cpu") == CPU
    assert choose_dtype("auto", CPU) == torch.float32
    assert choose_dtype("bfloat16", CPU) == torch.bfloat16
    with pytest.raises(GistevalError, match="device 'warp' is not usable here"):
        choose_device("warp")
    with pytest.raises(GistevalError, match="dtype 'int8' is unknown: choose auto, float32"):
        choose_dtype("int8", CPU)


def test_local_folders_are_taken_as_they_are(tmp_path):
    assert resolve(str(tmp_path)) == tmp_path
    assert str(resolve("./no/such/folder")) == "no/such/folder"


def test_a_moved_checkpoint_gives_the_same_answers(tmp_path, tiny_suite):
    shutil.copytree(tiny_suite / "gist-3", tmp_path / "moved")
    answers = []
    for folder in (tiny_suite / "gist-3", tmp_path / "moved"):
        model = load_model(inspect_checkpoint(folder), CPU, torch.float32)
        answers.append(model.generate(Gist().compress(model, ["say"], None), ["cats"], 6))
    assert answers[0] == answers[1]
    assert json.loads((tmp_path / "moved" / "gist.json").read_text())["k"] == 3
