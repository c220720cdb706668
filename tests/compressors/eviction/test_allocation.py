"""What pyramid and adakv share: totals are conserved, real bytes counted, and evicted equals masked."""

from __future__ import annotations

import re
from dataclasses import replace
from unittest.mock import patch

import pytest
import torch
from family_check import family_tokens, rows
from random_models import random_examples, random_model
from tiny_families import Family, tiny_model

from gisteval.compressors.eviction.adakv import AdaKV
from gisteval.compressors.eviction.allocation import Allocation
from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError, InvalidRun
from gisteval.generation.selfcheck import check_cached_path
from gisteval.models.running.compressed import join
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.slots import Columns
from gisteval.records.budget import Budget

EXAMPLES = random_examples(count=6)
INSTRUCTIONS = [example.instruction for example in EXAMPLES]
HALF = Budget(share=0.5)
SPECS = ["keydiff+pyramid", "keydiff+adakv", "snapkv:window=2+adakv:safeguard=0.0"]

specs = pytest.mark.parametrize("text", SPECS)


@pytest.fixture(scope="module")
def model():
    return random_model("llama", gain=3.0)


@specs
def test_evicted_is_masked(model, text):
    check = check_cached_path(model, build_compressor(text), HALF, EXAMPLES)
    assert max(check.loss_difference, check.decoded_difference) < 2e-5


@specs
@pytest.mark.parametrize("budget", [Budget(slots=1), Budget(slots=3), HALF, Budget(share=1.0)])
def test_as_many_slots_and_bytes_as_without_it(model, text, budget):
    plain = build_compressor(text.partition("+")[0]).compress(model, INSTRUCTIONS, budget)
    spread = build_compressor(text).compress(model, INSTRUCTIONS, budget)
    for one, other in zip(plain, spread, strict=True):
        same = ("source_tokens", "template_tokens", "kept", "bytes", "asked")
        assert [getattr(one.accounting, name) for name in same] == [
            getattr(other.accounting, name) for name in same
        ]
        held = sum(int((places >= 0).sum()) for places in other.kept)
        assert held == sum(places.numel() for places in one.kept)
        buffers = sum(state.nbytes for pair in other.layers for state in pair)
        assert buffers == one.accounting.bytes * other.slots // one.slots


@specs
def test_layers_or_heads_do_differ(model, text):
    (prompt,) = build_compressor(text).compress(model, INSTRUCTIONS[-1:], HALF)
    counts = [(places >= 0).sum(1).tolist() for places in prompt.kept]
    assert len({count for layer in counts for count in layer}) > 1
    for places, (keys, values) in zip(prompt.kept, prompt.layers, strict=True):
        assert not keys[places < 0].any() and not values[places < 0].any()
        assert all((head[head >= 0].diff() > 0).all() for head in places)


@pytest.mark.parametrize("name", ["gemma3_text", "mistral"])
def test_windows_of_layers_hide_what_they_hide(name):
    """Slots that hold nothing are no tokens at position 0, which a window would show."""
    network = tiny_model(Family(name, name, {"sliding_window": 16}))
    model = DecoderModel(network, family_tokens())
    prompts, inputs, targets = rows((30, 9), 1), rows((5, 11), 2), rows((6, 4), 3)

    def select(view):
        picked = []
        for prompt in view.prompts:
            indices = torch.arange(0, len(prompt), 2).repeat(view.keys.shape[1], 1)
            indices[view.layer % indices.shape[0], :2] = -1
            picked.append(indices)
        return picked

    prefixes = model.encode(prompts, select=select)
    losses = model.run(prefixes, inputs).nll(targets)
    masked = model.predictions(prompts, inputs, targets, [prefix.kept for prefix in prefixes])
    for loss, logits, target in zip(losses, masked, targets, strict=True):
        expected = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(target), reduction="none")
        assert torch.allclose(loss, expected, atol=2e-5)


def test_prompts_run_behind_ragged_ones_and_join_them(model):
    """What follows both is what follows the later prompt where that is the beginning of the input."""
    ragged = build_compressor("keydiff+adakv").compress(model, INSTRUCTIONS[-2:], HALF)
    later, inputs, targets = rows((4, 7), 2), rows((3, 6), 3), rows((5, 2), 4)
    pairs = zip(ragged, model.encode(later, behind=ragged), strict=True)
    joined = model.run([join(pair) for pair in pairs], inputs).nll(targets)
    longer = [[*one, *two] for one, two in zip(later, inputs, strict=True)]
    expected = model.run(ragged, longer).nll(targets)
    assert all(torch.allclose(a, b, atol=2e-5) for a, b in zip(joined, expected, strict=True))


@pytest.mark.parametrize("name", ["keydiff+adakv", "keydiff+pyramid"])
def test_a_slot_that_holds_nothing_must_be_hidden(model, name):
    """Were empty slots seen, their zeros would take attention away from the others."""
    with (
        patch.object(Columns, "followed_by", _seen(Columns.followed_by)),
        pytest.raises(InvalidRun, match="cached and masked"),
    ):
        check_cached_path(model, build_compressor(name), HALF, EXAMPLES)


def _seen(right):
    return lambda self, real, places: replace(right(self, real, places), is_ragged=False)


def test_slots_told_of_another_head_are_refused(model):
    right = AdaKV.proof

    def wrong(self, *arguments):
        proof = right(self, *arguments)
        return replace(proof, kept=[tuple(layer.flip(0) for layer in row) for row in proof.kept])

    with patch.object(Allocation, "proof", wrong), pytest.raises(InvalidRun, match="cached and masked"):
        check_cached_path(model, build_compressor("keydiff+adakv"), HALF, EXAMPLES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("gist+adakv", "compressor gist+adakv makes no sense: gist is no evictor"),
        ("keydiff+pyramid+adakv", "keydiff+pyramid is no evictor"),
        ("keydiff+pyramid+int4", "layers and heads differ in length"),
        ("keydiff+pyramid:beta=0.5", "beta must be at least 1, not 0.5"),
        ("keydiff+adakv:safeguard=2", "safeguard must be 0 to 1, not 2"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(text, said):
    with pytest.raises(GistevalError, match=re.escape(said)):
        build_compressor(text)
