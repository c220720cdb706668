"""The order of the rows, and the loss beside the stock model's."""

from __future__ import annotations

import pytest
import torch

from gisteval.masks import MaskRule
from gisteval.models.tokens import PromptTokenizer
from gisteval.prompts import Template
from gisteval.schema import Example
from gisteval.training.rows import Collator, build_rows
from gisteval.training.trainer import EpochSampler, target_loss

EXAMPLES = [
    Example("1", "tiny", "train", "say the first word", "cats, dogs", "cats"),
    Example("2", "tiny", "train", "say the first word", "", "no"),
    Example("3", "tiny", "train", "twice", "worlds and maybe more", "worlds, no dogs"),
]


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
