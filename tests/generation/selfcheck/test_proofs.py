"""Each kind of proof passes on what is right and catches a planted fault, in float32 and bfloat16."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors.base import Compressor
from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.compressors.proof import Identity, MaskedSelection, Rerun
from gisteval.compressors.pruning.truncate import Truncate
from gisteval.errors import GistevalError, InvalidRun
from gisteval.generation.selfcheck import check_cached_path
from gisteval.generation.selfcheck.rows import make_rows
from gisteval.models.running.compressed import Prefix
from gisteval.records.budget import Budget

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
EXAMPLES = random_examples(count=6)
HALF = Budget(share=0.5)

dtypes = pytest.mark.parametrize("dtype", DTYPES)
families = pytest.mark.parametrize("family", ["llama", "qwen2", "gpt2"])


def scattered(view) -> list[torch.Tensor]:
    """Every second token, another half for each layer and head."""
    picked = []
    for real in view.real:
        count = int(real.sum())
        heads = [
            torch.arange(count)[(view.layer + head) % 2 :: 2][: count // 2]
            for head in range(view.keys.shape[1])
        ]
        picked.append(torch.stack(heads))
    return picked


@dataclass(frozen=True)
class Scattered(Compressor):
    """Keeps every second slot; which half differs by layer and head."""

    name = "scattered"
    architectures = frozenset(("decoder-only",))

    def compress(self, model, instructions, budget):
        return list(model.encode(self.prompts(model, instructions), select=scattered))

    def proof(self, model, instructions, budget, compressed):
        return MaskedSelection(self.prompts(model, instructions), [prompt.kept for prompt in compressed])


class OneHeadElsewhere(Scattered):
    """Tells of one head of one layer that it kept the tokens beside those that it did keep."""

    def proof(self, model, instructions, budget, compressed):
        right = super().proof(model, instructions, budget, compressed)
        length = [len(prompt) for prompt in right.prompts]
        kept = []
        for row, layers in zip(length, right.kept, strict=True):
            changed = [layer.clone() for layer in layers]
            changed[1][0] = ((changed[1][0] + 1) % row).sort().values
            kept.append(tuple(changed))
        return replace(right, kept=kept)


class OneLayerOfAnother(Scattered):
    """One layer's values are those of the head beside it."""

    def compress(self, model, instructions, budget):
        prompts = super().compress(model, instructions, budget)
        return [replace(prompt, layers=_flipped(prompt.layers, 0)) for prompt in prompts]


class Shifted(Scattered):
    """What follows starts one position too early."""

    def compress(self, model, instructions, budget):
        prompts = super().compress(model, instructions, budget)
        return [replace(prompt, next_position=prompt.next_position - 1) for prompt in prompts]


class Exchanged(Scattered):
    """Each prompt gets the states of another one, and tells so of none."""

    def compress(self, model, instructions, budget):
        return super().compress(model, instructions[::-1], budget)


def _flipped(layers, layer):
    keys, values = layers[layer]
    return (*layers[:layer], (keys, values.flip(1)), *layers[layer + 1 :])


class ForgetfulTruncate(Truncate):
    """Runs one token less than its proof says."""

    def compress(self, model, instructions, budget):
        prompts = super().compress(model, instructions, budget)
        return [replace(prompt, token_ids=prompt.token_ids[:-1]) for prompt in prompts]

    def proof(self, model, instructions, budget, compressed):
        right = Truncate.compress(self, model, instructions, budget)
        return Rerun([prompt.token_ids for prompt in right])


@dataclass(frozen=True)
class Merged(Compressor):
    """Keeps a prefix in which each two slots are one, their mean; a budget of 100% keeps all."""

    name = "merged"
    architectures = frozenset(("decoder-only",))

    def compress(self, model, instructions, budget):
        prompts = model.encode(self.prompts(model, instructions))
        return list(prompts) if budget == Budget(share=1.0) else [_merged(prompt) for prompt in prompts]

    def proof(self, model, instructions, budget, compressed):
        return Identity(Budget(share=1.0))


def _merged(prompt: Prefix) -> Prefix:
    even = prompt.slots // 2 * 2
    layers = tuple(
        tuple((state[:, :even:2] + state[:, 1:even:2]) / 2 for state in pair) for pair in prompt.layers
    )
    places = torch.arange(1, even, 2).expand(layers[0][0].shape[0], -1)
    return replace(prompt, layers=layers, kept=(places,) * len(layers))


class LosingMerged(Merged):
    """Drops a slot even where everything is to be kept."""

    def compress(self, model, instructions, budget):
        prompts = super().compress(model, instructions, budget)
        return [
            replace(
                prompt,
                layers=tuple((keys[:, 1:], values[:, 1:]) for keys, values in prompt.layers),
                kept=prompt.kept and tuple(places[:, 1:] for places in prompt.kept),
            )
            for prompt in prompts
        ]


class NeighbourlyMerged(Merged):
    """Where something is dropped, each prompt is given the states of the next one of its batch."""

    def compress(self, model, instructions, budget):
        prompts = super().compress(model, instructions, budget)
        return prompts if budget == Budget(share=1.0) else [*prompts[1:], prompts[0]]


class ExchangedTruncate(Truncate):
    """Each prompt gets the tokens of another one of its batch, and so does the proof."""

    def compress(self, model, instructions, budget):
        return super().compress(model, instructions, budget)[::-1]


class PaddedScattered(Scattered):
    """Where a prompt is padded, it keeps its last tokens alone, and the proof says so."""

    def compress(self, model, instructions, budget):
        def select(view):
            padding = view.real.shape[1] - view.real.sum(1)
            moved = scattered(view)
            return [
                slots.sort(dim=1).values[:, -1:] if empty else slots
                for slots, empty in zip(moved, padding.tolist(), strict=True)
            ]

        return list(model.encode(self.prompts(model, instructions), select=select))


class LeakyGist(Gist):
    """Keeps the prompt's last token beside the gists."""

    def compress(self, model, instructions, budget):
        return super().compress(model, instructions, Budget(model.tokens.k + 1))


RIGHT = [(Gist(), None), (Truncate(), HALF), (Scattered(), None), (Merged(), HALF), (Full(), None)]
FAULTS = [
    *((LeakyGist(), None), (ForgetfulTruncate(), HALF), (ExchangedTruncate(), HALF)),
    (PaddedScattered(), None),
    *((OneHeadElsewhere(), None), (OneLayerOfAnother(), None), (Shifted(), None), (Exchanged(), None)),
    *((LosingMerged(), HALF), (NeighbourlyMerged(), HALF)),
]


@dtypes
@families
@pytest.mark.parametrize(("compressor", "budget"), RIGHT, ids=lambda c: type(c).__name__)
def test_what_is_right_passes(family, dtype, compressor, budget):
    check_cached_path(random_model(family, DTYPES[dtype]), compressor, budget, EXAMPLES)


@dtypes
@families
@pytest.mark.parametrize(("compressor", "budget"), FAULTS, ids=lambda c: type(c).__name__)
def test_what_is_wrong_is_refused(family, dtype, compressor, budget):
    with pytest.raises(InvalidRun, match="self-check failed for compressor"):
        check_cached_path(random_model(family, DTYPES[dtype]), compressor, budget, EXAMPLES)


def test_a_selection_equals_its_mask_within_float32(tiny_model):
    check = check_cached_path(tiny_model("llama", 1), Scattered(), None, EXAMPLES)
    assert max(check.loss_difference, check.decoded_difference, check.stock_difference) < 2e-5
    assert check.greedy_mismatches == 0


def test_a_proof_by_identity_runs_everything_and_looks_at_the_budget_as_well(tiny_model):
    model = tiny_model("llama", 1)
    rows = make_rows(model, Merged(), HALF, EXAMPLES)
    whole = [len(prompt) for prompt in rows.prompts]
    assert [prompt.slots for prompt in rows.compressed] == whole
    assert [prompt.slots for prompt in rows.chosen] == [length // 2 for length in whole]
    assert len(rows.only([0, 2]).chosen) == 2
    assert make_rows(model, Full(), None, EXAMPLES).chosen == ()


class Incomplete(Truncate):
    """Proves one prompt less than there are."""

    def proof(self, model, instructions, budget, compressed):
        return Rerun(super().proof(model, instructions, budget, compressed).tokens[1:])


def test_a_proof_of_other_prompts_is_refused(tiny_model):
    with pytest.raises(GistevalError, match="6 prompts and a proof of 5 for 6 instructions"):
        make_rows(tiny_model("llama", 1), Incomplete(), None, EXAMPLES)


def test_without_a_proof_there_is_no_compressor():
    @dataclass(frozen=True)
    class Unproven(Compressor):
        name = "unproven"

        def compress(self, model, instructions, budget):
            return []

    with pytest.raises(TypeError, match=r"abstract method '?proof"):
        Unproven()
