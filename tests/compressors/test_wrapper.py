"""Wrappers take over what their inner compressor says of itself."""

from __future__ import annotations

import pytest

from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError
from gisteval.records.budget import Budget


@pytest.mark.parametrize(
    ("spec", "reads", "needs_gists"), [("gist+int8", "own", True), ("knorm+int8", "full", False)]
)
def test_only_gists_bring_their_own_weights(spec: str, reads: str, needs_gists: bool) -> None:
    inner, wrapped = build_compressor(spec.partition("+")[0]), build_compressor(spec)
    assert (wrapped.reads, wrapped.needs_gists) == (reads, needs_gists)
    assert (wrapped.name, wrapped.takes_budget) == (spec, inner.takes_budget)
    assert wrapped.architectures <= inner.architectures


def test_positions_and_prompts_are_those_of_the_inner_compressor(tiny_model) -> None:
    model, texts, budget = tiny_model("llama", 1), ["say it", "say"], Budget(slots=3)
    inner, wrapped = build_compressor("knorm"), build_compressor("knorm+int8")
    assert wrapped.prompts(model, texts) == inner.prompts(model, texts)
    assert wrapped.positions(model, texts, budget) == inner.positions(model, texts, budget)


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(GistevalError, match="makes no sense"):
        build_compressor("truncate+int8")
