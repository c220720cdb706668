"""A weight difference and its base are the tuned weights again; another base is noticed."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
import torch

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.checkpoint import Checkpoint, GistRecord
from gisteval.models.checkpoints.weight_diff import (
    PUBLISHED_SUMS,
    ROTARY_SUM,
    add_base,
    check_sum,
    is_difference,
    known_sums,
    weights_sum,
)
from gisteval.models.running.architecture import DECODER


def checkpoint(path: str = "own", **training: object) -> Checkpoint:
    record = GistRecord("own", "gist", 1, training=training)
    base = Checkpoint(Path("base"), record, DECODER, False, None)
    return Checkpoint(Path(path), record, DECODER, False, None, base)


@pytest.fixture
def tuned_and_base(tiny_network):
    """A tuned Llama with a row more than its base, whose weights are near."""
    tuned = tiny_network("llama")
    base = copy.deepcopy(tuned)
    base.resize_token_embeddings(base.config.vocab_size - 1)
    with torch.no_grad():
        for weight in base.parameters():
            weight.add_(0.01 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(1)))
    return tuned, base


@torch.no_grad()
def test_the_base_makes_of_a_difference_what_was_tuned(tuned_and_base) -> None:
    tuned, base = tuned_and_base
    difference = copy.deepcopy(tuned)
    for weight, under in zip(difference.parameters(), base.parameters(), strict=True):
        weight[: len(under)] -= under
    assert is_difference(difference) and not is_difference(tuned)
    add_base(difference, base, checkpoint())
    for weight, expected in zip(difference.parameters(), tuned.parameters(), strict=True):
        torch.testing.assert_close(weight, expected, atol=1e-6, rtol=0)
    check_sum(difference, checkpoint(weights_sum=weights_sum(tuned)))
    with pytest.raises(GistevalError, match=r"base is the wrong base for own: .* weights add up"):
        check_sum(difference, checkpoint(weights_sum=weights_sum(tuned) + 1.0))


def test_a_base_of_another_shape_is_named(tuned_and_base, tiny_network) -> None:
    tuned, _ = tuned_and_base
    with pytest.raises(GistevalError, match=r"base is not the base of own: .* there, .* in the difference"):
        add_base(tuned, tiny_network("llama", width=64), checkpoint())
    with pytest.raises(GistevalError, match="only one of them has the tensor"):
        add_base(tuned, tiny_network("qwen2"), checkpoint())


def test_a_sum_is_known_by_the_record_or_by_the_published_name() -> None:
    name, total = next(iter(PUBLISHED_SUMS.items()))
    assert known_sums(checkpoint(weights_sum=5))[0] == [5.0]
    for path in (f"/data/{name}", f"/cache/models--org--{name}/snapshots/1"):
        assert known_sums(checkpoint(path))[0] == [total, total - ROTARY_SUM]
    assert known_sums(checkpoint(f"/data/{name}-mine"))[0] == []
