"""Slots moved to where a stock engine looks for them; what can't be moved is one line."""

from __future__ import annotations

import pytest
from random_models import random_model

from gisteval.compressors.spec import CompressorSpec
from gisteval.errors import GistevalError
from gisteval.models.running.compressed import Accounting, Nothing, Tokens
from gisteval.models.running.exported import exported
from gisteval.pipeline.export_prefix import stock_logits
from gisteval.records.budget import Budget


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_a_wrong_distance_would_be_seen(family) -> None:
    """The proof can fail: slots that are left where they were answer otherwise."""
    model = random_model(family, k=2)
    method = CompressorSpec.parse("knorm").build()
    (compressed,) = method.compress(model, ["say the first word twice or maybe"], Budget.parse("3"))
    (inputs,) = model.tokens.continuations(["cats dogs"])
    ours = model.run([compressed], [inputs]).last_logits[0]
    moved = exported(model, compressed)
    assert float((stock_logits(model, moved, inputs) - ours).abs().max()) < 1e-4
    unmoved = type(moved)(compressed.layers, moved.slots, 0)
    assert float((stock_logits(model, unmoved, inputs) - ours).abs().max()) > 1e-2


def test_positions_that_are_no_rotations_are_refused() -> None:
    model = random_model("gpt2", k=2)
    (compressed,) = CompressorSpec.parse("gist").build().compress(model, ["say no"], None)
    with pytest.raises(GistevalError, match="no rotations of its keys"):
        exported(model, compressed)
    (whole,) = model.whole(model.tokens.prompts(["say no"]))
    assert exported(model, whole).moved == 0


@pytest.mark.parametrize(
    "compressed", [Tokens((1,), Accounting(1, 0, 1, 8)), Nothing(3, Accounting(1, 0, 0, 0))], ids=["t", "n"]
)
def test_what_is_no_prefix_is_refused(compressed) -> None:
    with pytest.raises(GistevalError, match="there is no prefix to export"):
        exported(random_model("llama", k=2), compressed)
