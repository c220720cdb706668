"""The order of the rows, and the loss beside the stock model's."""

from __future__ import annotations

import copy

import pytest
import torch
from family_check import rows as family_rows
from family_check import target_losses
from tiny_families import family, tiny_model

from gisteval.masks import MaskRule
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.prompts import Template
from gisteval.records.schema import Example
from gisteval.training.recipe import Recipe
from gisteval.training.rows import Collator, TrainingRow, build_rows
from gisteval.training.settings import training_arguments
from gisteval.training.trainer import EpochSampler, RowTrainer, target_loss

EXAMPLES = [
    Example("1", "tiny", "train", "say the first word", "cats, dogs", "cats"),
    Example("2", "tiny", "train", "say the first word", "", "no"),
    Example("3", "tiny", "train", "twice", "worlds and maybe more", "worlds, no dogs"),
]


TRAINED = (
    *("mistral", "gemma2", "llama4_text", "gpt_neo", "bloom", "falcon, alibi", "gemma3"),
    *("cohere", "granite", "minicpm3", "opt"),
)
"""Families with windows or biases, or whose logits are not just what the output matrix gives."""


@pytest.fixture
def batch(tiny_tokenizer) -> dict[str, torch.Tensor]:
    rows, _ = build_rows(EXAMPLES, PromptTokenizer(tiny_tokenizer, Template(), 2), 2, 200)
    return Collator(MaskRule("gist"), 2, 4)(rows)


@pytest.mark.parametrize("name", ["llama", "mistral", "qwen2", "gpt2"])
def test_loss_and_gradients_are_the_stock_models(tiny_network, batch, name):
    model = tiny_network(name)
    ours, theirs = target_loss(model, batch), model(**batch).loss
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-5)
    weights = list(model.parameters())
    pairs = zip(torch.autograd.grad(ours, weights), torch.autograd.grad(theirs, weights), strict=True)
    assert all(torch.allclose(one, other, rtol=1e-3, atol=1e-5) for one, other in pairs)


def test_loss_of_an_adapter_is_the_stock_models(tiny_network, batch):
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(tiny_network("llama"), LoraConfig(r=2, target_modules="all-linear"))
    with torch.no_grad():
        for weight in model.parameters():
            if weight.requires_grad:
                weight.normal_()
    assert target_loss(model, batch).item() == pytest.approx(model(**batch).loss.item(), rel=1e-5)


def test_each_epoch_has_an_order_of_its_own_that_can_be_jumped_to():
    lengths = [n % 7 for n in range(20)]
    running = EpochSampler(3, lengths, seed=5)
    orders = [list(running) for _ in range(3)]
    assert len({tuple(order) for order in orders}) == 3
    for epoch, order in enumerate(orders):
        assert sorted(order) == list(range(20))
        resumed = EpochSampler(3, lengths, seed=5)
        resumed.set_epoch(epoch)
        assert list(resumed) == order


@pytest.mark.parametrize(("precision", "dtype"), [("bfloat16", torch.bfloat16), ("float32", torch.float32)])
def test_a_loss_runs_in_the_precision_of_the_training(tiny_network, batch, tmp_path, precision, dtype):
    """Whatever part of the model it calls: `target_loss` goes around the model's own forward pass."""
    found = set()

    def loss(model, inputs):
        for layer in model.model.layers:
            layer.mlp.down_proj.register_forward_hook(lambda module, given, output: found.add(output.dtype))
        return target_loss(model, inputs)

    recipe = Recipe(
        task="wordplay", condition="gist", family="tiny", base="tiny", steps=1, precision=precision
    )
    network = copy.deepcopy(tiny_network("llama"))
    trainer = RowTrainer(loss, model=network, args=training_arguments(recipe, precision, tmp_path))
    assert trainer.compute_loss(trainer.model, batch).dtype == torch.float32
    assert found == {dtype}


@pytest.mark.parametrize("name", TRAINED)
def test_loss_over_windows_and_biases_is_the_stock_models_row_by_row(name):
    """Rows far longer than the windows: the mask handed over must not open them."""
    model = tiny_model(family(name))
    prompts, xs, ys = family_rows((40, 9), 1), family_rows((20, 5), 2), family_rows((6, 3), 3)
    built = [
        TrainingRow(tuple(p), ((tuple(x), tuple(y)),)) for p, x, y in zip(prompts, xs, ys, strict=True)
    ]
    batch = Collator(MaskRule("pos_control"), 0, 4)(built)
    alone = []
    for p, x, y in zip(prompts, xs, ys, strict=True):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([[*p, *x, *y]]), use_cache=False).logits[0]
        alone.append(target_losses(logits[len(p) + len(x) - 1 :], y))
    assert target_loss(model, batch).item() == pytest.approx(torch.cat(alone).mean().item(), abs=1e-4)
