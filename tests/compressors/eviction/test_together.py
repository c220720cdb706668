"""One pass for several evictors and budgets keeps what each of them keeps by itself."""

from __future__ import annotations

import pytest
import torch
from random_models import random_model

from gisteval.compressors.eviction.together import can_share, compress_together
from gisteval.compressors.spec import build_compressor
from gisteval.models.running.compressed import Prefix
from gisteval.records.budget import Budget

INSTRUCTIONS = ["say the first word", "no", "say the word twice or maybe say no again " * 3]
SPECS = ("knorm", "keydiff", "snapkv:window=4", "random", "tova", "observed", "expected", "h2o")
BUDGETS = (None, Budget(slots=3), Budget(share=0.25), Budget(share=1.0))


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_what_is_kept_together_is_what_is_kept_alone(family: str) -> None:
    model = random_model(family)
    wanted = [(build_compressor(spec), budget) for spec in SPECS for budget in BUDGETS]
    together = compress_together(model, INSTRUCTIONS, wanted)
    for (method, budget), found in zip(wanted, together, strict=True):
        for one, alone in zip(found, method.compress(model, INSTRUCTIONS, budget), strict=True):
            assert isinstance(one, Prefix) and isinstance(alone, Prefix)
            assert (one.accounting, one.accounting.asked) == (alone.accounting, alone.accounting.asked)
            assert one.next_position == alone.next_position
            assert all(map(torch.equal, one.kept, alone.kept))
            pairs = zip(one.layers, alone.layers, strict=True)
            assert all(torch.equal(a, b) for mine, other in pairs for a, b in zip(mine, other, strict=True))


def test_the_prompts_are_run_once(monkeypatch) -> None:
    model = random_model("llama")
    wanted = [(build_compressor(spec), budget) for spec in ("knorm", "tova") for budget in BUDGETS]
    model.rotations  # noqa: B018 - found out by passes of its own
    runs: list[int] = []
    body = model.body.forward
    monkeypatch.setattr(model.body, "forward", lambda **given: runs.append(1) or body(**given))
    compress_together(model, INSTRUCTIONS, wanted)
    assert len(runs) == 1


def test_who_can_share_a_pass() -> None:
    assert all(can_share(build_compressor(spec)) for spec in SPECS)
    assert not any(can_share(build_compressor(spec)) for spec in ("gist", "full", "empty", "truncate"))
