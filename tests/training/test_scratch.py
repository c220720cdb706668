"""New models: sizes as asked for, tied embeddings, and a closed form of their parameters."""

from __future__ import annotations

import pytest
import torch

from gisteval.profiling.shapes import describe_config
from gisteval.training.recipe import Scratch
from gisteval.training.scratch import NEAR, new_model, scratch_architecture

SIZES = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 48, "layers": 2, "heads": 4}


@pytest.mark.parametrize("kind", ["llama", "t5"])
def test_sizes_are_those_of_the_recipe(tiny_tokenizer, kind: str) -> None:
    shape = Scratch(model=kind, **SIZES)
    model = new_model(shape, tiny_tokenizer)
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight
    assert model.config.pad_token_id == tiny_tokenizer.pad_token_id
    assert scratch_architecture(shape).name == ("encoder-decoder" if kind == "t5" else "decoder-only")
    count = sum(weight.numel() for weight in model.parameters())
    closed = describe_config("new", model.config.to_dict()).closed
    assert closed is not None and closed.parameters == pytest.approx(count, rel=0.01)


def test_a_matching_start_looks_right_back_and_at_like_tokens(tiny_tokenizer) -> None:
    torch.manual_seed(0)
    sizes = {**SIZES, "hidden_size": 96, "attention": "matching"}
    model = new_model(Scratch(**sizes), tiny_tokenizer).eval()
    model.set_attn_implementation("eager")
    ids = torch.randperm(len(tiny_tokenizer))[:24].repeat(2)[None]
    with torch.no_grad():
        first, second = (layer[0] for layer in model(ids, output_attentions=True).attentions)
    places = torch.arange(48)
    for head, distance in enumerate(NEAR):
        found = (places - first[head].argmax(-1))[distance:]
        assert (found - distance).abs().float().mean() < 0.5
    likes = second[:, places[24:], places[24:] - 24].mean()
    others = second[:, places[24:], places[24:] - 23].mean()
    assert likes > 1.5 * others


def test_a_random_start_has_no_biases(tiny_tokenizer) -> None:
    model = new_model(Scratch(**SIZES), tiny_tokenizer)
    assert not any(name.endswith("bias") for name, _ in model.named_parameters())
