"""The gist tokens of segments: prompts together, and one after the other by hand."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from random_models import random_model

from gisteval.compressors.gist.spans import Piece, Segmented, gist_prefixes
from gisteval.models.running.compressed import Prefix
from gisteval.models.running.decoder import DecoderModel


@pytest.fixture(scope="module")
def model() -> DecoderModel:
    return random_model("llama", k=2, gain=3.0)


def segmented(*lengths: int, seed: int = 0) -> Segmented:
    """Segments of so many tokens, each with two gist tokens behind it, at positions that count them all."""
    pieces, start = [], 0
    for number, length in enumerate(lengths):
        tokens = torch.arange(length) * 7 + 31 * (number + seed)
        pieces.append(Piece(tuple((tokens % 200 + 20).tolist()), start, start + length))
        start += length + 2
    return Segmented(tuple(pieces), start)


def assert_same(found: Prefix, expected: Prefix) -> None:
    assert found.next_position == expected.next_position
    for layer, (pair, own) in enumerate(zip(found.layers, expected.layers, strict=True)):
        assert torch.equal(found.positions(layer), expected.positions(layer))
        for mine, theirs in zip(pair, own, strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("sees", ["gists", "last", "nothing", "tokens"])
def test_prompts_of_different_numbers_of_segments_do_not_touch_each_other(model, sees) -> None:
    prompts = [segmented(3, 4, 2), segmented(5, seed=1), segmented(1, 6, seed=2)]
    together = gist_prefixes(model, prompts, sees)
    for prompt, found in zip(prompts, together, strict=True):
        (alone,) = gist_prefixes(model, [prompt], sees)
        assert_same(found, alone)
        assert found.next_position == prompt.behind
        assert found.slots == 2 * (1 if sees == "last" else len(prompt.pieces))


def test_what_sees_the_gists_before_it_is_one_pass_under_that_mask(model) -> None:
    """A second path: a stock pass over all tokens, in which segments see only the gists of earlier ones."""
    prompt = segmented(3, 4, 2)
    (found,) = gist_prefixes(model, [prompt], "gists")
    row = [token for piece in prompt.pieces for token in (*piece.tokens, *model.tokens.gists)]
    sees = torch.ones(len(row), len(row)).tril().bool()
    for piece, later in pairwise(prompt.pieces):
        sees[later.start :, piece.start : piece.gists] = False
    mask = torch.zeros(1, 1, *sees.shape).masked_fill(~sees, torch.finfo(torch.float32).min)
    with torch.inference_mode():
        cache = model.model(torch.tensor([row]), attention_mask=mask, use_cache=True).past_key_values
    gists = [piece.gists + n for piece in prompt.pieces for n in range(2)]
    for (keys, values), layer in zip(found.layers, cache.layers, strict=True):
        torch.testing.assert_close(keys, layer.keys[0, :, gists], atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(values, layer.values[0, :, gists], atol=1e-4, rtol=1e-4)
