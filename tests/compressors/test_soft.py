"""Slots that are learnt: what they learn, from what, and what it costs."""

from __future__ import annotations

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors.base import Source
from gisteval.compressors.eviction.keydiff import KeyDiff
from gisteval.compressors.soft import Soft
from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError
from gisteval.records.budget import Budget

TEXT = random_examples(count=3)[2].instruction
TWO = Budget(slots=2)
SHORT = "soft:steps=4,rows=2,tokens=6"


@pytest.fixture(scope="module")
def model():
    return random_model("llama", gain=3.0, k=0)


def test_seed_and_content_decide_what_is_learnt(model) -> None:
    def states(spec: str):
        (prefix,) = build_compressor(spec).compress(model, [TEXT], TWO)
        return torch.cat([state.flatten() for pair in prefix.layers for state in pair]), prefix

    first, prefix = states(SHORT)
    assert torch.equal(first, states(SHORT)[0])
    assert not torch.equal(first, states(f"{SHORT},seed=1")[0])
    values, _ = states(f"{SHORT},learn=values")
    (start,) = KeyDiff().compress(model, [TEXT], TWO)
    half = prefix.layers[0][0].numel()
    assert torch.equal(values[:half], start.layers[0][0].flatten())  # keys stay
    assert (prefix.accounting.kept, prefix.accounting.asked, prefix.accounting.kept_template) == (2, 2, 0)
    assert prefix.accounting.bytes == sum(s.nbytes for pair in prefix.layers for s in pair)


def test_weights_stay_as_they_are(model) -> None:
    before = [weight.clone() for weight in model.model.parameters()]
    build_compressor(SHORT).compress(model, [TEXT], TWO)
    assert all(map(torch.equal, before, model.model.parameters()))
    assert all(weight.grad is None for weight in model.model.parameters())


def test_learning_is_in_the_footprint() -> None:
    footprint = Soft(steps=10, rows=2, tokens=6).footprint(Source(20, 0, 0, True, 4), TWO)
    assert (footprint.run_once, footprint.slots, footprint.run_each) == (20, 2, 0)
    # Each step runs both rows forwards and backwards, and once more at the end.
    assert footprint.passes[0].count == 2 * (2 * 10 + 1)
    assert [part.cached for part in footprint.passes] == [2, 20]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("steps=0", "steps must be at least 1"),
        ("learn=keys", "learn must be states or values, not 'keys'"),
        ("lr=0", "lr must be above 0"),
    ],
)
def test_settings_that_make_no_sense(settings: str, message: str) -> None:
    with pytest.raises(GistevalError, match=message):
        build_compressor(f"soft:{settings}")


def test_a_task_without_such_inputs_is_refused(model) -> None:
    with pytest.raises(GistevalError, match="as short as 1 tokens"):
        build_compressor("soft:task=wordplay,tokens=2").compress(model, [TEXT], TWO)
