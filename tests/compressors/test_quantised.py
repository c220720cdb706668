"""States in 4 and 8 bits: proven over several compressors, smaller, and refused where the form is wrong."""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

import pytest
import torch
from random_models import random_examples, random_model

from gisteval.compressors.quantised import Int4, Int8, Quantised
from gisteval.compressors.spec import build_compressor
from gisteval.errors import InvalidRun
from gisteval.generation.selfcheck import check_cached_path
from gisteval.models.running.compressed import Prefix
from gisteval.models.running.packed import PackedTensor
from gisteval.records.budget import Budget

HALF = Budget(share=0.5)
EXAMPLES = random_examples(count=6)
INSTRUCTIONS = [example.instruction for example in EXAMPLES]

dtypes = pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)


@pytest.fixture(scope="module")
def models():
    made = {}

    def get(dtype=torch.float32):
        if dtype not in made:
            made[dtype] = random_model("llama", dtype, gain=3.0)
        return made[dtype]

    return get


def states(prompts) -> torch.Tensor:
    return torch.cat([state.float().flatten() for p in prompts for pair in p.layers for state in pair])


@dtypes
@pytest.mark.parametrize("text", ["full+int8", "gist+int4", "snapkv:window=2+int4:group=5"])
def test_the_stored_form_reads_as_the_second_path_says(models, dtype, text):
    method = build_compressor(text)
    model = models(dtype)
    budget = HALF if "snapkv" in text else None
    stored = method.compress(model, INSTRUCTIONS, budget)
    expected = method.proof(model, INSTRUCTIONS, budget, stored).expected
    assert torch.equal(states([p.unpacked() for p in stored]), states(expected))
    check = check_cached_path(model, method, budget, EXAMPLES)
    assert check.stored_difference == 0
    assert check.to_json()["stored_difference"] == 0


def test_what_is_kept_is_what_the_inner_compressor_keeps(models):
    plain = build_compressor("keydiff").compress(models(), INSTRUCTIONS, HALF)
    stored = build_compressor("keydiff+int8").compress(models(), INSTRUCTIONS, HALF)
    for one, other in zip(plain, stored, strict=True):
        assert all(map(torch.equal, one.kept, other.kept))
        assert one.next_position == other.next_position
        assert replace(one.accounting, bytes=0) == replace(other.accounting, bytes=0)


def test_more_bits_are_nearer_and_larger(models):
    inner = build_compressor("full")
    plain = inner.compress(models(), INSTRUCTIONS, None)
    eight, four = (kind(inner).compress(models(), INSTRUCTIONS, None) for kind in (Int8, Int4))
    errors = [
        (states([p.unpacked() for p in stored]) - states(plain)).abs().mean() for stored in (eight, four)
    ]
    assert 0 < 10 * errors[0] < errors[1]
    for one, other, whole in zip(four, eight, plain, strict=True):
        assert one.accounting.bytes < other.accounting.bytes < whole.accounting.bytes


def test_bytes_are_those_of_the_tensors_that_are_stored(models):
    """Each a key-value head: codes of half a byte, float16 scales and minima of the groups."""
    (prompt,) = build_compressor("full+int4:group=8").compress(models(), INSTRUCTIONS[-1:], None)
    layers, heads, slots, size = 3, 2, prompt.slots, 8
    codes = 2 * (heads * slots * size // 2)
    groups = heads * size * -(-slots // 8) + heads * slots * 1
    assert prompt.accounting.bytes == layers * (codes + groups * 4)


def _exchanged(right):
    def packed(self, prefix: Prefix):
        return right(self, replace(prefix, layers=prefix.layers[::-1]))

    return packed


def _of_another_head(right):
    def packed(self, prefix: Prefix):
        stored = right(self, prefix)
        keys, values = stored.layers[1]
        layers = (stored.layers[0], (replace(keys, scales=keys.scales.flip(0)), values), *stored.layers[2:])
        return replace(stored, layers=layers)

    return packed


@dtypes
@pytest.mark.parametrize("fault", [_exchanged, _of_another_head])
def test_states_of_another_layer_and_scales_of_another_head_are_refused(models, dtype, fault):
    with (
        patch.object(Quantised, "_packed", fault(Quantised._packed)),
        pytest.raises(InvalidRun, match="as they are stored differ"),
    ):
        check_cached_path(models(dtype), build_compressor("full+int4"), None, EXAMPLES)


@dtypes
@pytest.mark.parametrize("fault", ["halves", "minima", "dimension"])
def test_a_form_that_reads_otherwise_is_refused(models, dtype, fault):
    """Halves of a byte exchanged, minima lost, and groups along the other dimension."""
    unpack, pack = PackedTensor.unpack, PackedTensor.pack

    def wrong(self):
        if fault == "halves":
            return unpack(replace(self, codes=(self.codes >> 4) | (self.codes << 4)))
        return unpack(replace(self, minima=torch.zeros_like(self.minima)))

    def other(numbers, bits, dim, group):
        return pack(numbers, bits, 3 - dim, group)

    change = ("pack", other) if fault == "dimension" else ("unpack", wrong)
    with patch.object(PackedTensor, *change), pytest.raises(InvalidRun, match="as they are stored differ"):
        check_cached_path(models(dtype), build_compressor("full+int4"), None, EXAMPLES)


def test_a_fault_of_the_inner_compressor_is_refused_as_its_own(models):
    """Where another slot than the proof says is kept, the states themselves are wrong."""
    method = build_compressor("keydiff+int8")
    inner = type(method.inner)
    right = inner.compress

    def shifted(self, model, instructions, budget):
        prompts = right(self, model, instructions, budget)
        return [replace(p, kept=tuple((k - 1).clamp(min=0) for k in p.kept)) for p in prompts]

    with patch.object(inner, "compress", shifted), pytest.raises(InvalidRun, match="cached and masked"):
        check_cached_path(models(), method, HALF, EXAMPLES)
