"""Gists of a prompt: which slots stay, and which budgets fit."""

from __future__ import annotations

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors.base import Source
from gisteval.compressors.gist.gist import Gist, check_slots
from gisteval.errors import GistevalError
from gisteval.masks import MaskRule
from gisteval.records.budget import Budget

INSTRUCTIONS = [example.instruction for example in random_examples(count=4)]


@pytest.fixture(scope="module")
def model():
    return random_model("llama", k=2)


@pytest.mark.parametrize("slots", [None, 2, 5, 999])
def test_the_last_slots_of_a_plain_pass_over_the_prompt_stay(model, slots: int | None) -> None:
    budget = None if slots is None else Budget(slots=slots)
    for text, found in zip(INSTRUCTIONS, Gist().compress(model, INSTRUCTIONS, budget), strict=True):
        (prompt,) = model.tokens.prompts([text])
        row = [*prompt, *model.tokens.gists]
        with torch.inference_mode():
            cache = model.model(torch.tensor([row]), use_cache=True).past_key_values
        stays = min(slots or 2, len(row))
        for (keys, values), layer in zip(found.layers, cache.layers, strict=True):
            torch.testing.assert_close(keys, layer.keys[0, :, -stays:], atol=1e-4, rtol=1e-4)
            torch.testing.assert_close(values, layer.values[0, :, -stays:], atol=1e-4, rtol=1e-4)
        accounting = found.accounting
        assert (accounting.kept, accounting.asked) == (stays, stays)
        source = Source(len(prompt), k=2, leak_window=0, caches_prompts=True)
        footprint = Gist().footprint(source, budget)
        assert (footprint.run_once, footprint.slots, footprint.run_each) == (len(row), stays, 0)


def test_what_leaks_beside_the_gists_is_in_the_proof(model) -> None:
    assert Gist().proof(model, INSTRUCTIONS, Budget(slots=5), []).rule == MaskRule("gist", 3)
    assert Gist().proof(model, INSTRUCTIONS, None, []).rule == MaskRule("gist", 0)


@pytest.mark.parametrize(
    ("budget", "k", "message"),
    [
        (None, 0, "needs k >= 1: here has no gist tokens"),
        (Budget(slots=1), 2, "here: compressor gist needs a budget of at least k = 2 slots, not 1"),
        (Budget(share=0.5), 1, "needs a budget of at least k = 1 slots, not 50%"),
    ],
)
def test_a_budget_that_gists_do_not_fit_is_refused(budget: Budget | None, k: int, message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        check_slots(budget, k, "here")
    check_slots(Budget(slots=2), 2, "here")
