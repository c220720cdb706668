"""Every evictor on every kind of decoder: one row each in the matrix."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch

from gisteval.compressors.base import Source
from gisteval.compressors.eviction.base import Eviction, kept_slots
from gisteval.compressors.proof import MaskedSelection
from gisteval.compressors.spec import CompressorSpec
from gisteval.errors import GistevalError
from gisteval.generation.selfcheck.check import check_cached_path
from gisteval.models.running.observe import LayerView
from gisteval.records.budget import Budget
from gisteval.records.schema import Example

EVICTORS = ["random", "random:seed=1", "stride", "knorm"]
NETWORKS = [("llama", "sdpa"), ("llama", "eager"), ("qwen2", "sdpa"), ("gpt2", "sdpa"), ("mistral", "sdpa")]
INSTRUCTIONS = [
    "say",
    "say the first word twice or maybe no " * 3,
    "repeat yes",
    "no maybe worlds " * 2,
    "repeat the first word or dogs or cats, and no more",
]
INPUTS = ["cats, dogs and worlds", "", "dogs " * 12, "a", "no"]
OUTPUTS = ["yes no maybe", "no", "m", "worlds and cats and dogs again", "cats, dogs"]
EXAMPLES = [
    Example(str(n), "tiny", "test", *texts)
    for n, texts in enumerate(zip(INSTRUCTIONS, INPUTS, OUTPUTS, strict=True))
]

evictors = pytest.mark.parametrize("spec", EVICTORS)
networks = pytest.mark.parametrize(("name", "attention"), NETWORKS)


def build(spec: str) -> Eviction:
    compressor = CompressorSpec.parse(spec).build()
    assert isinstance(compressor, Eviction)
    return compressor


def losses(model, compressed) -> list[torch.Tensor]:
    return model.score(compressed, INPUTS, OUTPUTS)


@pytest.mark.parametrize("budget", ["1", "5", "25%"])
@networks
@evictors
def test_evicted_is_masked(tiny_model, spec: str, name: str, attention: str, budget: str) -> None:
    model, compressor, wanted = tiny_model(name, 1, attention), build(spec), Budget.parse(budget)
    compressed = compressor.compress(model, INSTRUCTIONS, wanted)
    proof = compressor.proof(model, INSTRUCTIONS, wanted, compressed)
    assert isinstance(proof, MaskedSelection)
    inputs, targets = model.tokens.continuations(INPUTS), model.tokens.targets(OUTPUTS)
    masked = model.predictions(proof.prompts, inputs, targets, proof.kept)
    for loss, logits, target in zip(losses(model, compressed), masked, targets, strict=True):
        expected = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(target), reduction="none")
        assert float((loss - expected).abs().max()) <= 1e-4


@networks
@evictors
def test_the_self_check_proves_it(tiny_model, spec: str, name: str, attention: str) -> None:
    model = tiny_model(name, 1, attention)
    check = check_cached_path(model, build(spec), Budget(slots=5), EXAMPLES)
    assert check.examples == len(EXAMPLES)


@dataclass(frozen=True)
class Careless(Eviction):
    """Keeps other slots than its proof says."""

    name = "careless"

    def score(self, view: LayerView) -> torch.Tensor:
        return view.positions[:, None].expand(-1, view.keys.shape[1], -1).float()

    def proof(self, model, instructions, budget, compressed):
        honest = super().proof(model, instructions, budget, compressed)
        return MaskedSelection(honest.prompts, [tuple(layer - 1 for layer in row) for row in honest.kept])


@pytest.mark.parametrize("name", ["llama", "gpt2"])
def test_a_planted_fault_is_noticed(tiny_model, name: str) -> None:
    with pytest.raises(GistevalError, match="self-check failed for compressor careless"):
        check_cached_path(tiny_model(name, 1), Careless(), Budget(slots=4), EXAMPLES)


@evictors
def test_slots_are_counted_a_layer_and_head_of_the_whole_prompt(tiny_model, spec: str) -> None:
    model, compressor = tiny_model("llama", 1), build(spec)
    prompts = compressor.prompts(model, INSTRUCTIONS)
    for prompt, found in zip(
        prompts, compressor.compress(model, INSTRUCTIONS, Budget(slots=7)), strict=True
    ):
        slots = min(7, len(prompt))
        assert [tuple(layer.shape) for layer in found.kept] == [(2, slots)] * 3
        accounting = found.accounting
        assert (accounting.kept, accounting.asked, accounting.bytes) == (
            slots,
            slots,
            slots * model.slot_bytes,
        )
        template = torch.tensor(model.template_places(prompt)).double()
        counts = torch.cat([template[layer].sum(1) for layer in found.kept])
        assert abs(accounting.kept_template - float(counts.mean())) <= 0.5
        assert found.next_position == len(prompt)
    instructions = [
        len(ids) - sum(model.tokens.template_ends(ids)) for ids in model.tokens.prompts(INSTRUCTIONS)
    ]
    quarter = compressor.compress(model, INSTRUCTIONS, Budget.parse("25%"))
    assert [p.slots for p in quarter] == [max(1, int(n / 4 + 0.5)) for n in instructions]


@pytest.mark.parametrize("budget", ["100%", "500"])
@networks
@evictors
def test_a_budget_that_keeps_everything_is_the_whole_prompt(
    tiny_model, spec, name, attention, budget
) -> None:
    model, compressor = tiny_model(name, 1, attention), build(spec)
    compressed = compressor.compress(model, INSTRUCTIONS, Budget.parse(budget))
    whole = model.whole(compressor.prompts(model, INSTRUCTIONS))
    for one, other in zip(compressed, whole, strict=True):
        assert (one.slots, one.accounting) == (other.slots, other.accounting)
        for states, expected in zip(one.layers, other.layers, strict=True):
            assert torch.equal(states[0], expected[0]) and torch.equal(states[1], expected[1])
    for loss, expected in zip(losses(model, compressed), losses(model, whole), strict=True):
        assert torch.equal(loss, expected)


@networks
@evictors
def test_what_is_kept_does_not_depend_on_the_batch(tiny_model, spec, name, attention) -> None:
    model, compressor, budget = tiny_model(name, 1, attention), build(spec), Budget(slots=6)
    together = compressor.compress(model, INSTRUCTIONS, budget)
    for text, row in zip(INSTRUCTIONS, together, strict=True):
        (alone,) = compressor.compress(model, [text], budget)
        for one, other in zip(alone.kept, row.kept, strict=True):
            assert torch.equal(one, other)


def test_a_footprint_is_what_compression_keeps(tiny_model) -> None:
    model, compressor = tiny_model("llama", 1), build("stride")
    for text in ("3", "25%", "100%", "900"):
        budget = Budget.parse(text)
        for prompt, found in zip(
            model.tokens.prompts(INSTRUCTIONS),
            compressor.compress(model, INSTRUCTIONS, budget),
            strict=True,
        ):
            template = sum(model.tokens.template_ends(prompt))
            source = Source(len(prompt), 1, 0, caches_prompts=True, template=template)
            footprint = compressor.footprint(source, budget)
            assert (footprint.run_once, footprint.slots) == (len(prompt) + 1, found.slots)


def test_kept_slots() -> None:
    assert kept_slots(Budget(slots=5), 20, 24) == 5
    assert kept_slots(Budget(slots=30), 20, 24) == 24
    assert kept_slots(Budget(share=0.5), 20, 24) == 10
    assert kept_slots(Budget(share=1.0), 20, 24) == 24


def test_scores_of_another_shape_are_refused(tiny_model) -> None:
    @dataclass(frozen=True)
    class Flat(Eviction):
        name = "flat"

        def score(self, view: LayerView) -> torch.Tensor:
            return view.keys.norm(dim=-1).mean(1)

    with pytest.raises(GistevalError, match="compressor flat gives scores of shape"):
        Flat().compress(tiny_model("llama", 1), INSTRUCTIONS, Budget(slots=2))


@evictors
def test_an_encoder_decoder_is_refused_in_one_line(tiny_model, spec: str) -> None:
    compressor = build(spec)
    with pytest.raises(GistevalError, match="encoder-decoder"):
        compressor.compress(tiny_model("t5", 1), INSTRUCTIONS, Budget(slots=2))
    with pytest.raises(GistevalError, match="can't serve a T5"):
        compressor.check_architecture("encoder-decoder", "a T5")
