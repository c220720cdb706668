"""What a training starts from: weights of the base but for what is drawn anew, or new ones."""

from __future__ import annotations

import re

import pytest
import torch
from safetensors.torch import load_file

from gisteval.errors import GistevalError
from gisteval.models.text.tokens import GIST_TOKEN
from gisteval.prompts import Template
from gisteval.records.schema import Example
from gisteval.training.recipe import build_recipe
from gisteval.training.start import starting_architecture, starting_model

EXAMPLES = [Example(str(n), "tiny", "train", f"say {'and ' * n}", "cats", "yes") for n in range(9)]
RECIPE = {"task": "tiny", "family": "tiny", "condition": "gist", "k": 2, "steps": 6, "rows_per_step": 3}
SCRATCH = {"vocab_size": 300, "hidden_size": 32, "intermediate_size": 64, "layers": 2, "heads": 2}


def started(**changes):
    return starting_model(build_recipe({**RECIPE, **changes}, "test"), EXAMPLES, Template())


def test_only_the_modules_named_are_drawn_anew(tiny_suite) -> None:
    base = tiny_suite / "gist-1"
    model, _ = started(base=str(base), redraw=["q_proj", "k_proj"])
    before, after = load_file(base / "model.safetensors"), model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {name for name in before if "q_proj" in name or "k_proj" in name}
    drawn = torch.cat([after[name].flatten() for name in changed])
    assert float(drawn.std()) == pytest.approx(model.config.initializer_range, rel=0.05)


@pytest.mark.parametrize(
    ("suite", "changes", "said"),
    [
        ("tiny_suite", {"redraw": ["qproj"]}, "no linear module 'qproj': choose from q_proj, k_proj"),
        ("t5_suite", {"redraw": ["q"]}, "redraw: not supported for an encoder-decoder"),
    ],
)
def test_what_does_not_fit_the_base_is_one_line(request, suite, changes, said) -> None:
    base = request.getfixturevalue(suite) / "gist-1"
    with pytest.raises(GistevalError, match=said):
        started(base=str(base), **changes)


@pytest.mark.parametrize("suite", ["tiny_suite", "t5_suite"])
def test_an_adapter_learns_its_matrices_and_the_row_of_the_gist_token_alone(request, suite) -> None:
    base = str(request.getfixturevalue(suite) / "gist-1")
    model, tokenizer = started(base=base, lora={"r": 2})
    learnt = {name: weight for name, weight in model.named_parameters() if weight.requires_grad}
    rows = {name: weight for name, weight in learnt.items() if "lora_" not in name}
    assert sum(weight.numel() for weight in rows.values()) == 32  # one row of the embedding
    layers = {match[1] for name in learnt if (match := re.search(r"\.(?:layers|block)\.(\d)\.", name))}
    assert layers == {"0", "1", "2"} and GIST_TOKEN in tokenizer.get_vocab()
    ids = torch.tensor([tokenizer("say no<GIST> yes")["input_ids"]])
    plain, _ = started(base=base)
    answer = {"decoder_input_ids": ids} if plain.config.is_encoder_decoder else {}
    with torch.inference_mode():  # an adapter begins as its base
        torch.testing.assert_close(model.eval()(ids, **answer).logits, plain.eval()(ids, **answer).logits)


@pytest.mark.parametrize(("kind", "name"), [("llama", "decoder-only"), ("t5", "encoder-decoder")])
def test_a_new_model_has_a_tokenizer_of_its_examples(kind: str, name: str) -> None:
    scratch = {**SCRATCH, "model": kind}
    recipe = build_recipe({**RECIPE, "scratch": scratch}, "test")
    assert starting_architecture(recipe).name == name
    model, tokenizer = started(scratch=scratch)
    assert len(tokenizer) == model.get_input_embeddings().weight.shape[0] <= 300
    assert len(tokenizer(" and and and", add_special_tokens=False)["input_ids"]) == 3
