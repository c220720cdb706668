"""One row a compressor: proven, whole under an identity budget, the same in any batch, refusing a fault.

A new compressor needs a row in MATRIX.
"""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from exchanged_prompts import exchanged_prompts
from random_models import random_examples, random_model

from gisteval.compressors.full import Full
from gisteval.compressors.spec import build_compressor
from gisteval.errors import InvalidRun
from gisteval.generation.selfcheck import check_cached_path
from gisteval.models.running.compressed import Prefix
from gisteval.records.budget import Budget
from gisteval.registry import COMPRESSORS, WRAPPERS

FAMILIES = {**dict.fromkeys(("llama", "qwen2", "gpt2"), "decoder-only"), "t5": "encoder-decoder"}
EXAMPLES = random_examples(count=6)
INSTRUCTIONS = [example.instruction for example in EXAMPLES]
INPUTS = [example.input for example in EXAMPLES]
OUTPUTS = [example.output for example in EXAMPLES]


@dataclass(frozen=True)
class Row:
    """budget: of an ordinary use. everything: one that keeps the whole prompt, None if there is none.

    whole_in: the architectures in which that equals the whole prompt.
    """

    budget: Budget | None = None
    everything: Budget | None = None
    whole_in: tuple[str, ...] = ("decoder-only", "encoder-decoder")


HALF, ALL = Budget(share=0.5), Budget(share=1.0)

MATRIX = {
    "empty": Row(),
    "full": Row(),
    # Behind gists an encoder's prompt doesn't see the input, whatever leaks.
    "gist": Row(None, Budget(slots=1000), ("decoder-only",)),
    **dict.fromkeys(
        (
            *("expected", "first", "h2o", "keydiff", "knorm", "observed", "random"),
            *("snapkv", "streaming", "stride", "tova", "window"),
            *("expected@query", "snapkv@query", "tova@query"),
        ),
        Row(HALF, ALL),
    ),
    "keyword": Row(),
    "random_words": Row(HALF, ALL),
    "self_information": Row(HALF, ALL),
    "self_information:form=slots": Row(HALF, ALL),
    "stopwords": Row(HALF, ALL),
    "tfidf": Row(HALF, ALL),
    "pool": Row(HALF, ALL),
    "segments:length=3": Row(),
    "segments:length=sentence,numbering=slots": Row(),
    "segments:length=1/2,numbering=slots,sees=last": Row(),
    "segments:length=3,sees=nothing": Row(),
    "segments:length=3,sees=tokens": Row(),
    "soft:steps=1,rows=1,tokens=6": Row(HALF, ALL),
    "truncate": Row(HALF, ALL),
    "full+int8": Row(),
    "gist+int8": Row(),
    "keydiff+int4": Row(HALF),
    "keydiff+adakv": Row(HALF, ALL),
    "keydiff+single": Row(HALF, ALL),
    "snapkv:window=2+pyramid": Row(HALF, ALL),
    "pool+int8": Row(HALF),
}

NEED_A_FILE = {"llmlingua2", "precomputed"}
"""They do nothing without files of their own: their tests in tests/compressors/pruning ask the same."""


SERVED = [
    (name, family)
    for name in MATRIX
    for family, architecture in FAMILIES.items()
    if architecture in build_compressor(name).architectures
]
WITH_IDENTITY = [
    (name, family)
    for name, family in SERVED
    if MATRIX[name].everything and FAMILIES[family] in MATRIX[name].whole_in
]

ONE_DECODER = [
    (name, family)
    for number, name in enumerate(MATRIX)
    for family in (("llama", "qwen2", "gpt2")[number % 3], "t5")
    if (name, family) in SERVED
]
"""Each architecture once, the decoders in turn."""

OF_EACH_POSITION = [(name, family) for name, family in SERVED if family != "qwen2"]
"""Rotated, learned and relative positions. Qwen2 rotates as Llama does."""

matrix = pytest.mark.parametrize(("name", "family"), SERVED)


@pytest.fixture(scope="module")
def models():
    made = {}

    def get(family: str, k: int = 1):
        if (family, k) not in made:
            made[family, k] = random_model(family, k=k, gain=3.0)
        return made[family, k]

    return get


def subjects_of(compressor):
    """What it is to compress of each example."""
    return [compressor.subject(example.instruction, example.input) for example in EXAMPLES]


def test_every_compressor_has_a_row():
    alone = {name.partition(":")[0] for name in MATRIX if "+" not in name}
    assert alone | NEED_A_FILE == set(COMPRESSORS.builtin)
    around = {part.partition(":")[0] for name in MATRIX for part in name.split("+")[1:]}
    assert around == set(WRAPPERS.builtin)


@matrix
def test_the_self_check_passes(models, name, family):
    check = check_cached_path(models(family), build_compressor(name), MATRIX[name].budget, EXAMPLES)
    assert max(check.loss_difference, check.decoded_difference) < 1e-4


@pytest.mark.parametrize(("name", "family"), WITH_IDENTITY)
def test_a_budget_that_keeps_everything_is_the_whole_prompt(models, name, family):
    compressor = build_compressor(name)
    model = models(family, 1 if compressor.needs_gists else 0)
    kept = compressor.compress(model, subjects_of(compressor), MATRIX[name].everything)
    whole = Full().compress(model, INSTRUCTIONS, None)
    assert [prompt.accounting.kept for prompt in kept] == [prompt.accounting.kept for prompt in whole]
    found, expected = (model.score(prompts, INPUTS, OUTPUTS) for prompts in (kept, whole))
    for one, other in zip(found, expected, strict=True):
        assert torch.allclose(one, other, atol=1e-5)
    assert model.generate(kept, INPUTS, 8) == model.generate(whole, INPUTS, 8)


@pytest.mark.parametrize(("name", "family"), OF_EACH_POSITION)
def test_results_do_not_depend_on_the_batch(models, name, family):
    model, compressor, budget = models(family), build_compressor(name), MATRIX[name].budget
    subjects = subjects_of(compressor)
    together = compressor.compress(model, subjects, budget)
    alone = [compressor.compress(model, [subject], budget)[0] for subject in subjects]
    assert [prompt.accounting for prompt in together] == [prompt.accounting for prompt in alone]
    for one, other in zip(together, alone, strict=True):
        if isinstance(one, Prefix) and one.kept is not None:
            assert all(map(torch.equal, one.kept, other.kept))
    losses = model.score(together, INPUTS, OUTPUTS)
    texts = model.generate(together, INPUTS, 8)
    for row, prompt in enumerate(alone):
        single = model.score([prompt], INPUTS[row : row + 1], OUTPUTS[row : row + 1])[0]
        assert torch.allclose(losses[row], single, atol=1e-4)
        assert model.generate([prompt], INPUTS[row : row + 1], 8) == [texts[row]]


@pytest.mark.parametrize(("name", "family"), ONE_DECODER)
def test_a_fault_is_refused(models, name, family):
    """The prompts of a batch get each other's states, or the whole prompt where there are none."""
    model, compressor, budget = models(family), build_compressor(name), MATRIX[name].budget
    with exchanged_prompts(compressor), pytest.raises(InvalidRun):
        check_cached_path(model, compressor, budget, EXAMPLES)
