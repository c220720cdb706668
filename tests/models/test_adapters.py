"""Low-rank adapters: trained over a saved base, written, and merged into it when they are read."""

from __future__ import annotations

import json
import shutil

import pytest
import torch
from safetensors import safe_open
from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

from gisteval.compressors.gist.gist import Gist
from gisteval.generation.selfcheck import check_cached_path
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model, load_tokenizer, save_checkpoint
from gisteval.models.text.tokens import GIST_TOKEN
from gisteval.records.schema import Example
from gisteval.training import train as training
from gisteval.training.recipe import build_recipe

CPU = torch.device("cpu")
EXAMPLES = [
    Example(str(n), "tiny", "train", f"say {word}", "cats", f"{word} {word}")
    for n, word in enumerate(["yes", "no", "maybe", "worlds"])
]


def without_gist_token(tokenizer) -> PreTrainedTokenizerFast:
    """The same vocabulary as an ordinary base model has it."""
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    state["added_tokens"] = [token for token in state["added_tokens"] if token["content"] != GIST_TOKEN]
    return PreTrainedTokenizerFast(
        tokenizer_object=Tokenizer.from_str(json.dumps(state)),
        pad_token=tokenizer.pad_token,
        eos_token=tokenizer.eos_token,
    )


@pytest.fixture(scope="module", params=["llama", "gpt2", "t5"])
def trained(request, tmp_path_factory, tiny_network, tiny_tokenizer):
    """(base folder, adapter folder, the model that was trained, in memory) of a tied and an untied one."""
    folder = tmp_path_factory.mktemp("adapter")
    base = tiny_network(request.param, width=64)  # int4 on a CPU takes no narrower one
    base.resize_token_embeddings(len(tiny_tokenizer) - 1)
    base.save_pretrained(folder / "base")
    without_gist_token(tiny_tokenizer).save_pretrained(folder / "base")
    recipe = build_recipe(
        {
            "task": "tiny",
            "family": "tiny",
            "condition": "gist",
            "k": 1,
            "base": str(folder / "base"),
            "lora": {"r": 2, "alpha": 4},
            "steps": 2,
            "rows_per_step": 4,
            "learning_rate": 0.05,
            "warmup": 0,
        },
        "test",
    )
    kept = []
    with pytest.MonkeyPatch.context() as patch:

        def save_and_keep(path, model, *rest):
            kept.append(model)
            save_checkpoint(path, model, *rest)

        patch.setattr(training, "save_checkpoint", save_and_keep)
        training.train(recipe, EXAMPLES, folder / "adapter")
    return folder / "base", folder / "adapter", kept[0].eval()


def logits(model, ids) -> torch.Tensor:
    answer = {"decoder_input_ids": torch.tensor([[0, *ids]])} if model.config.is_encoder_decoder else {}
    with torch.inference_mode():
        return model(torch.tensor([ids]), **answer).logits


def test_a_loaded_adapter_is_the_model_that_was_trained(trained):
    _, folder, network = trained
    checkpoint = inspect_checkpoint(folder)
    assert checkpoint.is_adapter
    loaded = load_model(checkpoint, CPU, torch.float32)
    ids = Gist().prompts(loaded, ["say yes"])[0]
    assert torch.allclose(logits(loaded.model, ids), logits(network, ids), atol=1e-4)
    assert not any("lora" in name for name, _ in loaded.model.named_parameters())


def test_the_adapter_differs_from_its_base_in_answers_and_gist_row(trained):
    base, folder, _ = trained
    loaded = load_model(inspect_checkpoint(folder), CPU, torch.float32)
    rows = loaded.model.get_input_embeddings().weight.detach()
    before = load_model(inspect_checkpoint(base), CPU, torch.float32).model
    old = before.get_input_embeddings().weight.detach()
    gist_id = loaded.tokens.gist_id
    assert gist_id == old.shape[0] == rows.shape[0] - 1
    assert torch.equal(rows[:gist_id], old)
    assert float((rows[gist_id] - old.mean(0)).abs().max()) > 1e-3
    ids = loaded.tokens.prompts(["say yes"])[0]
    change = logits(loaded.model, ids)[..., :gist_id] - logits(before, ids)
    assert float(change.abs().max()) > 1e-2


def test_an_adapter_file_holds_no_copy_of_the_embedding_table(trained):
    _, folder, _ = trained
    with safe_open(folder / "adapter_model.safetensors", "pt") as file:
        shapes = {name: file.get_slice(name).get_shape() for name in file.keys()}  # noqa: SIM118
    rows = [shape for name, shape in shapes.items() if "lora" not in name]
    assert rows == [[1, 64]]


def test_an_adapter_is_evaluated_on_both_paths_alike(trained):
    _, folder, network = trained
    loaded = load_model(inspect_checkpoint(folder), CPU, torch.float32)
    in_memory = type(loaded)(network, loaded.tokens)
    scores = [
        model.score(Gist().compress(model, ["say yes", "say no"], None), ["cats", ""], ["yes", "no no"])
        for model in (loaded, in_memory)
    ]
    for one, other in zip(*scores, strict=True):
        assert torch.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("quantize", ["int8", "int4"])
def test_over_a_quantised_base_an_adapter_is_not_merged(trained, quantize):
    """Against its matrices multiplied out, in float, on a copy of the base with the quantised values."""
    pytest.importorskip("bitsandbytes", reason="the extra 'quantized' is not installed")
    from bitsandbytes.functional import dequantize_4bit, int8_vectorwise_dequant

    _, folder, _ = trained
    loaded = load_model(inspect_checkpoint(folder), CPU, torch.float32, quantize=quantize)
    merged = load_model(inspect_checkpoint(folder), CPU, torch.float32)
    assert loaded.quantized == quantize and not loaded.model.training
    parts = dict(merged.model.named_modules())
    logits(loaded.model, [0])  # the first pass moves the scales of int8 to where they stay
    layers = {name: part for name, part in loaded.model.named_modules() if hasattr(part, "lora_A")}
    assert layers and any(part.weight.dtype != torch.float32 for part in layers.values())
    for name, part in layers.items():
        weight = part.base_layer.weight
        if quantize == "int4" and weight.dtype == torch.uint8:
            whole = dequantize_4bit(weight.data, weight.quant_state)
        elif weight.dtype == torch.int8:
            whole = int8_vectorwise_dequant(weight.data, part.base_layer.state.SCB)
        else:
            whole = weight
        total = whole.float() + part.get_delta_weight("default")
        own = parts[name].weight
        own.data.copy_(total if own.shape == total.shape and "c_" not in name else total.T)
    check = check_cached_path(loaded, Gist(), None, EXAMPLES)
    assert check.max_nll_difference < 5e-2
    ids = Gist().prompts(loaded, ["say yes"])[0]
    difference = (logits(loaded.model, ids) - logits(merged.model, ids)).abs().max()
    assert float(difference) < (0.1 if quantize == "int8" else 1e-3)


@pytest.mark.parametrize("device_map", ["auto", {"": "cpu"}])
def test_an_adapter_is_merged_before_its_model_is_spread(trained, device_map):
    _, folder, _ = trained
    plain = load_model(inspect_checkpoint(folder), CPU, torch.float32)
    spread = load_model(inspect_checkpoint(folder), CPU, torch.float32, device_map)
    ids = Gist().prompts(plain, ["say yes"])[0]
    assert torch.equal(logits(plain.model, ids), logits(spread.model, ids))


def test_the_digest_of_an_adapter_follows_its_base(trained, tmp_path, tiny_network):
    base, folder, _ = trained
    shutil.copytree(folder, tmp_path / "adapter")
    shutil.copytree(base, tmp_path / "adapter" / "base")
    record = inspect_checkpoint(folder).record
    text = (tmp_path / "adapter" / "gist.json").read_text().replace(str(base), "base")
    (tmp_path / "adapter" / "gist.json").write_text(text)
    moved = inspect_checkpoint(tmp_path / "adapter")
    assert moved.base_name() == str((tmp_path / "adapter" / "base").resolve()) != record.base
    assert moved.weights_digest() == inspect_checkpoint(folder).weights_digest()
    tiny_network("llama", seed=5).save_pretrained(tmp_path / "adapter" / "base")
    assert moved.weights_digest() != inspect_checkpoint(folder).weights_digest()


def test_an_adapter_without_tokenizer_uses_the_one_of_its_base(trained, tmp_path):
    base, folder, _ = trained
    shutil.copytree(folder, tmp_path / "adapter")
    for file in (tmp_path / "adapter").glob("tokenizer*"):
        file.unlink()
    tokenizer = load_tokenizer(inspect_checkpoint(tmp_path / "adapter"))
    assert tokenizer.get_vocab() == load_tokenizer(inspect_checkpoint(base)).get_vocab()
