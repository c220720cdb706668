"""Readings of passes: what they hold, how far apart they are, and how rounding is moved."""

from __future__ import annotations

import pytest
import torch

from gisteval.generation.selfcheck.passes import (
    Reading,
    masked_readings,
    perturbed_rounding,
    reading,
    rounding_unit,
    stock_reading,
)
from gisteval.masks import MaskRule

PROMPTS, INPUTS, ANSWERS = (
    [[9, 8, 7], [9] * 6, [5]],
    [[3, 4], [6], [7, 3, 9]],
    [[10, 11], [12], [13, 14, 15]],
)
WHOLE = MaskRule("pos_control")


def test_a_distance_is_the_root_mean_square_where_both_are_and_equal_infinities_are_none() -> None:
    inf = torch.inf
    one = Reading(torch.tensor([[0.0, -inf], [1.0, 1.0], [5.0, 5.0]]), torch.empty(0), ())
    other = Reading(torch.tensor([[3.0, -inf], [1.0, 2.0]]), torch.empty(0), ())
    assert one.distance(other).tolist() == pytest.approx([3 / 2**0.5, 1 / 2**0.5])
    gone = Reading(torch.tensor([[0.0, 1.0]]), torch.empty(0), ())
    assert one.distance(gone).tolist() == [inf]


def test_a_reading_never_takes_a_suppressed_token_as_the_best(tiny_model) -> None:
    model = tiny_model("llama", 1)
    logits = torch.randn(4, 10_000, generator=torch.Generator().manual_seed(0))
    expected = logits.clone()
    logits[:, model.tokens.gist_id] = 50.0
    expected[:, model.suppressed_ids] = -torch.inf
    found = reading(model, logits, [3, 5])
    assert found.best == tuple(expected.argmax(-1).tolist())
    exact = logits.double().log_softmax(-1)
    torch.testing.assert_close(found.chosen.double(), exact[[0, 1], [3, 5]], atol=1e-5, rtol=0)
    torch.testing.assert_close(found.logs.double(), exact[:, ::2], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", ["llama", "gpt2", "t5"])
@pytest.mark.parametrize("at_a_time", [None, 1])
def test_masked_readings_of_whole_prompts_are_the_stock_models(tiny_model, name, at_a_time) -> None:
    model = tiny_model(name, 1)
    found = masked_readings(model, PROMPTS, INPUTS, ANSWERS, WHOLE, at_a_time)
    for row, parts in zip(found, zip(PROMPTS, INPUTS, ANSWERS, strict=True), strict=True):
        stock = stock_reading(model, *parts)
        assert float(row.distance(stock).max()) < 1e-5
        torch.testing.assert_close(row.chosen, stock.chosen, atol=1e-4, rtol=0)
        assert [len(state) for state in row.states] == [len(parts[1])] * 3


@torch.no_grad()
def test_rounding_moves_each_layer_by_its_unit_and_the_model_stays(tiny_model) -> None:
    model = tiny_model("llama", 1)
    layer, found = model.model.model.layers[0].self_attn.q_proj, []
    given = torch.randn(5, layer.in_features, generator=torch.Generator().manual_seed(1))
    exact = layer(given)
    for seed in (0, 0, 1):
        with perturbed_rounding(model, seed):
            found.append(layer(given))
    assert torch.equal(found[0], found[1]) and not torch.equal(found[0], found[2])
    moved = ((found[0] - exact) / exact).abs()
    assert 0 < float(moved.max()) <= 2.1 * rounding_unit(model)  # by so much, and rounded again
    assert torch.equal(layer(given), exact)
