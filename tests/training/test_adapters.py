"""What is trained where a base keeps its weights, in memory and as it is read back."""

from __future__ import annotations

import pytest
import torch

from gisteval.compressors.gist.gist import Gist
from gisteval.generation.selfcheck import check_cached_path
from gisteval.models.checkpoints.checkpoint import GistRecord, inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model, load_tokenizer, load_weights, save_checkpoint
from gisteval.prompts import Template
from gisteval.records.schema import Example
from gisteval.training.adapters import adapted, embedding_name, stock_model
from gisteval.training.recipe import build_recipe
from gisteval.training.train import train

CPU = torch.device("cpu")
RECIPE = {
    "task": "tiny", "family": "tiny", "condition": "gist", "k": 2, "steps": 2, "rows_per_step": 4,
    "pack": 1, "learning_rate": 0.01, "warmup": 0,
}  # fmt: skip
WAYS = ({"lora": {"r": 2}}, {"trainable": "gist_embedding"})
WORDS = ["yes", "no", "maybe", "worlds"]
EXAMPLES = [Example(word, "tiny", "train", f"say {word}", "cats", f"{word} {word}") for word in WORDS]


@pytest.fixture(params=["llama", "gpt2", "t5", "own head"])
def base(request, tmp_path, tiny_network, tiny_tokenizer):
    """Folder of a random base: tied, GPT-2's, a tied T5, and a T5 with FLAN-T5's own output matrix."""
    network = tiny_network("t5" if request.param == "own head" else request.param)
    if request.param == "own head":
        network.lm_head.weight = torch.nn.Parameter(torch.randn_like(network.lm_head.weight) / 9)
    save_checkpoint(
        tmp_path / "base", network, tiny_tokenizer, GistRecord("base", "pos_control", 1, Template())
    )
    return tmp_path / "base"


def loaded_base(base):
    checkpoint = inspect_checkpoint(base)
    tokenizer = load_tokenizer(checkpoint)
    return load_weights(checkpoint, tokenizer, torch.float32), tokenizer


def tables(model) -> tuple[torch.Tensor, torch.Tensor]:
    """The embedding and the output matrix."""
    return model.get_input_embeddings().weight.detach(), model.get_output_embeddings().weight.detach()


def changed(before: torch.Tensor, after: torch.Tensor) -> list[int]:
    """Rows that differ."""
    return list((before != after).any(dim=1).nonzero().flatten().tolist())


@pytest.mark.parametrize("way", WAYS, ids=lambda way: next(iter(way)))
def test_the_weights_of_the_base_stay_and_only_the_row_of_the_gist_token_is_not_in_a_matrix(base, way):
    model, tokenizer = loaded_base(base)
    model = adapted(model, build_recipe({**RECIPE, "base": str(base), **way}, "test"), tokenizer)
    learnt = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    rows = [weight for name, weight in learnt.items() if "lora_" not in name]
    assert [tuple(weight.shape) for weight in rows] == [(1, 32)]
    assert (len(learnt) > 1) == ("lora" in way)


@pytest.mark.filterwarnings("error:Model has `tie_word_embeddings=True`")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: next(iter(way)))
def test_what_was_trained_is_what_is_read_back(base, way):
    train(build_recipe({**RECIPE, "base": str(base), **way}, "test"), EXAMPLES, base / "new")
    loaded = load_model(inspect_checkpoint(base / "new"), CPU, torch.float32)
    before, _ = loaded_base(base)
    embedding, head = tables(before)
    is_tied = torch.equal(embedding, head)
    gist = [loaded.tokens.gist_id]
    found = [changed(*pair) for pair in zip((embedding, head), tables(loaded.model), strict=True)]
    assert found == [gist, gist if is_tied else []]
    if "lora" not in way:
        own = dict(before.named_parameters())
        after = {name: weight for name, weight in loaded.model.named_parameters() if name in own}
        assert {name for name in after if not torch.equal(own[name], after[name])} == {
            name for name, weight in own.items() if weight is before.get_input_embeddings().weight
        }
    check = check_cached_path(loaded, Gist(), None, EXAMPLES)
    assert check.max_nll_difference < 1e-3


def test_the_stock_model_inside_and_its_embedding(base):
    model, tokenizer = loaded_base(base)
    assert stock_model(model) is model
    name = embedding_name(model)
    assert name in ("embed_tokens", "wte", "shared")
    recipe = build_recipe({**RECIPE, "base": str(base), "trainable": "gist_embedding"}, "test")
    assert stock_model(adapted(model, recipe, tokenizer)) is model
