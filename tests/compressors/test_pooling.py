"""Pooled slots equal means that are computed a second way, and windows add up to the prompt."""

from __future__ import annotations

from unittest.mock import patch

import pytest
import torch
from random_models import random_examples, random_model
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from gisteval.compressors.pooling import Pool
from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError, InvalidRun
from gisteval.generation.selfcheck import check_cached_path
from gisteval.models.running import pooled
from gisteval.models.running.rotation import Rotation
from gisteval.records.budget import Budget

EXAMPLES = random_examples(count=6)
INSTRUCTIONS = [example.instruction for example in EXAMPLES]
HALF = Budget(share=0.5)


@pytest.mark.parametrize(
    ("sinks", "tokens", "slots", "windows"),
    [
        (4, 10, 10, [1] * 10),
        (4, 14, 6, [1, 1, 1, 1, 5, 5]),
        (0, 7, 3, [2, 2, 3]),
        (4, 9, 3, [1, 1, 7]),
        (4, 9, 1, [9]),
        (2, 9, 6, [1, 1, 1, 2, 2, 2]),
    ],
)
def test_windows_of_the_budget(sinks, tokens, slots, windows):
    assert Pool(sinks).windows(tokens, slots) == windows


def test_slots_are_as_many_as_asked():
    for tokens in range(1, 30):
        for slots in range(1, tokens + 1):
            windows = Pool(4).windows(tokens, slots)
            assert (len(windows), sum(windows)) == (slots, tokens)
            assert min(windows) >= 1


def test_keys_and_values_are_means_as_the_stock_layer_makes_them():
    """Keys of the projection, before any rotation, averaged and rotated by the stock function."""
    model = random_model("llama", k=0, gain=3.0)
    (prompt,) = Pool(sinks=1).prompts(model, INSTRUCTIONS[-1:])
    found = Pool(sinks=1).compress(model, INSTRUCTIONS[-1:], Budget(slots=5))[0]
    sizes = Pool(sinks=1).windows(len(prompt), 5)
    seen = {}
    attention = model.model.model.layers[1].self_attn
    hooks = [
        part.register_forward_hook(lambda module, args, out, name=name: seen.update({name: out[0]}))
        for name, part in (("keys", attention.k_proj), ("values", attention.v_proj))
    ]
    with torch.inference_mode():
        model.model(input_ids=torch.tensor([prompt]))
    for hook in hooks:
        hook.remove()
    starts = [sum(sizes[:number]) for number in range(5)]
    middles = torch.tensor([[start + (size - 1) // 2 for start, size in zip(starts, sizes, strict=True)]])
    means = {
        name: torch.stack([part.mean(0) for part in state.split(sizes)]).view(5, 2, 8).transpose(0, 1)
        for name, state in seen.items()
    }
    cos, sin = model.model.model.rotary_emb(means["keys"], middles)
    keys = apply_rotary_pos_emb(means["keys"][None], means["keys"][None], cos, sin)[1][0]
    assert torch.allclose(found.layers[1][0], keys, atol=1e-5)
    assert torch.allclose(found.layers[1][1], means["values"], atol=1e-5)
    assert found.kept[1].tolist() == middles.expand(2, -1).tolist()
    assert found.accounting.asked == found.accounting.kept == 5


def test_keys_that_are_not_rotated_again_are_refused():
    model = random_model("llama", k=0)
    with (
        patch.object(Rotation, "rotate", lambda self, keys: keys),
        pytest.raises(InvalidRun, match="self-check failed for compressor pool"),
    ):
        check_cached_path(model, Pool(), HALF, EXAMPLES)


def test_windows_in_another_order_are_refused():
    right = pooled._means
    model = random_model("llama", k=0)
    with (
        patch.object(pooled, "_means", lambda states, sizes: right(states, sizes).roll(1, 2)),
        pytest.raises(InvalidRun, match="self-check failed for compressor pool"),
    ):
        check_cached_path(model, Pool(), HALF, EXAMPLES)


def test_settings_and_models_that_it_cannot_serve():
    with pytest.raises(GistevalError, match="sinks must be at least 0, not -1"):
        build_compressor("pool:sinks=-1")
    with pytest.raises(GistevalError, match="compressor pool can't serve t5"):
        Pool().check_architecture("encoder-decoder", "t5")
