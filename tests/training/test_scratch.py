"""New models: sizes as asked for, tied embeddings, and a closed form of their parameters."""

from __future__ import annotations

import pytest

from gisteval.profiling.shapes import describe_config
from gisteval.training.recipe import Scratch
from gisteval.training.scratch import new_model, scratch_architecture

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
