"""What must hold for every architecture, condition, k and batch: one matrix for all of them."""

from __future__ import annotations

import pytest
import torch

from gisteval.compressors.empty import Empty
from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.compressors.pruning.truncate import Truncate
from gisteval.masks import MaskRule
from gisteval.records.budget import Budget

INSTRUCTIONS = [
    "say",
    "say the first word twice or maybe no " * 3,
    "repeat yes",
    "no maybe worlds " * 2,
    "say the first word",
    "yes",
    "repeat the first word or dogs or cats, and no more",
]
INPUTS = ["cats, dogs and worlds", "", "dogs " * 12, "a", "", "twice, maybe", "no"]
OUTPUTS = ["yes no maybe", "no", "m", "worlds and cats and dogs again", "yes", "", "cats, dogs"]
COMPRESSORS = {"gist": Gist(), "pos_control": Full(), "neg_control": Empty()}
ARCHITECTURES = ["llama", "qwen2", "mistral", "gpt2", "t5"]
NETWORKS = [(name, "sdpa") for name in ARCHITECTURES]
NETWORKS += [("llama", "eager"), ("gpt2", "eager"), ("t5", "eager"), ("mt5", "sdpa"), ("umt5", "sdpa")]
LENGTH = 7

networks = pytest.mark.parametrize(("name", "attention"), NETWORKS)
conditions = pytest.mark.parametrize("condition", list(COMPRESSORS))
ks = pytest.mark.parametrize("k", [1, 3])


def assert_all_close(found, expected, tolerance=1e-4):
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert one.shape == other.shape
        assert float((one - other).abs().max()) <= tolerance


def answers(model, compressor, size: int, budget: Budget | None = None):
    """(first logits, losses, decoded) of all examples, in batches of `size`."""
    first, losses, decoded = [], [], []
    targets = model.tokens.targets(OUTPUTS)
    for start in range(0, len(INPUTS), size):
        batch = slice(start, start + size)
        running = model.open(compressor.compress(model, INSTRUCTIONS[batch], budget), INPUTS[batch])
        first += list(running.last_logits.clone())
        losses += running.nll(targets[batch])
        decoded += running.decode(LENGTH)
    return first, losses, decoded


def with_end(model, decoded) -> list[list[int]]:
    (end,) = model.end_ids
    return [[*row.token_ids, *[end] * row.finished] for row in decoded]


@pytest.mark.parametrize("size", [1, 7])
@ks
@conditions
@networks
def test_cached_path_equals_masked_path(tiny_model, uncached_greedy, name, attention, condition, k, size):
    model = tiny_model(name, k, attention)
    compressor, rule = COMPRESSORS[condition], MaskRule(condition)
    prompts = compressor.prompts(model, INSTRUCTIONS)
    inputs, targets = model.tokens.continuations(INPUTS), model.tokens.targets(OUTPUTS)
    first, losses, decoded = answers(model, compressor, size)
    masked = model.predictions(prompts, inputs, targets, rule)
    assert_all_close(first, [logits[0] for logits in masked])
    expected = [
        torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(y), reduction="none")
        for y, logits in zip(targets, masked, strict=True)
    ]
    assert_all_close(losses, expected)
    assert with_end(model, decoded) == uncached_greedy(model, prompts, inputs, rule, LENGTH)


@pytest.mark.parametrize(("condition", "k"), [("gist", 3), ("pos_control", 1)])
@networks
def test_answers_do_not_depend_on_the_batch(tiny_model, name, attention, condition, k):
    model, compressor = tiny_model(name, k, attention), COMPRESSORS[condition]
    runs = [answers(model, compressor, size) for size in (1, 3, 7)]
    for first, losses, decoded in runs[1:]:
        assert_all_close(first, runs[0][0], 2e-5)
        assert_all_close(losses, runs[0][1], 2e-5)
        assert decoded == runs[0][2]


@ks
@networks
def test_the_conditions_differ_from_each_other(tiny_model, name, attention, k):
    model = tiny_model(name, k, attention)
    losses = [torch.cat(answers(model, compressor, 7)[1]) for compressor in COMPRESSORS.values()]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert float((losses[one] - losses[other]).abs().max()) > 1e-2


@networks
def test_keeping_every_token_is_no_compression(tiny_model, name, attention):
    model = tiny_model(name, 0, attention)
    kept, whole = answers(model, Truncate(), 7, budget=Budget(1000)), answers(model, Full(), 7)
    assert_all_close(kept[0], whole[0], 1e-6)
    assert_all_close(kept[1], whole[1], 1e-6)
    assert kept[2] == whole[2]


@ks
@networks
def test_keeping_every_slot_is_the_gist_mask_that_leaks_all(tiny_model, name, attention, k):
    """For a decoder-only model that is no compression; T5's prompt still doesn't see the input."""
    model = tiny_model(name, k, attention)
    prompts = Gist().prompts(model, INSTRUCTIONS)
    inputs, targets = model.tokens.continuations(INPUTS), model.tokens.targets(OUTPUTS)
    masked = model.predictions(prompts, inputs, targets, MaskRule("gist", leak_window=1000))
    first, _, _ = answers(model, Gist(), 7, budget=Budget(1000))
    assert_all_close(first, [logits[0] for logits in masked])
