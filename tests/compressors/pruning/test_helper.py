"""Models beside the one under evaluation."""

from __future__ import annotations

import shutil

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gisteval.compressors.pruning.helper import (
    Scored,
    causal_checkpoint,
    checkpoint_digest,
    load_causal,
    mean_over,
)
from gisteval.compressors.pruning.passage import Part
from gisteval.errors import GistevalError


@settings(max_examples=40)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.integers(0, 20), st.integers(0, 20))
def test_a_mean_is_over_the_tokens_that_share_a_character(lengths: list[int], one: int, other: int) -> None:
    """Beside sets of characters."""
    scored, end = [], 0
    for value, length in enumerate(lengths, 1):
        scored.append(Scored(end, end + length, float(value)))
        end += length
    start, stop = min(one, other), max(one, other) + 1
    wanted = [x.value for x in scored if set(range(x.start, x.end)) & set(range(start, stop))]
    part = Part(start, stop, (), "")
    expected = sum(wanted) / len(wanted) if wanted else 0.0
    assert mean_over(scored, part) == pytest.approx(expected)


def test_a_helper_is_a_causal_model_in_float32(tiny_suite, t5_suite) -> None:
    name = str(tiny_suite / "pos_control")
    reader = load_causal(name, "self_information", torch.device("cpu"))
    assert {weight.dtype for weight in reader.model.parameters()} == {torch.float32}
    assert not reader.model.training
    assert load_causal(name, "self_information", torch.device("cpu")) is reader
    with pytest.raises(GistevalError, match="kind encoder-decoder: give a causal one"):
        causal_checkpoint(str(t5_suite / "pos_control"), "self_information")


def test_a_digest_follows_weights_and_tokenizer_and_no_name(tiny_suite, tmp_path) -> None:
    same = shutil.copytree(tiny_suite / "gist-1", tmp_path / "same")
    folders = [tiny_suite / "gist-1", same, tiny_suite / "gist-3"]
    digests = [checkpoint_digest(causal_checkpoint(str(folder), "x")) for folder in folders]
    assert digests[0] == digests[1] != digests[2]
    with (same / "tokenizer.json").open("a") as file:
        file.write("\n")
    assert checkpoint_digest(causal_checkpoint(str(same), "x")) != digests[0]
