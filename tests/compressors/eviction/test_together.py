"""One pass for several evictors and budgets keeps what each of them keeps by itself."""

from __future__ import annotations

import pytest
import torch
from random_models import random_model

from gisteval.compressors.eviction.together import compress_together, pass_kind
from gisteval.compressors.spec import build_compressor
from gisteval.models.running.compressed import Prefix
from gisteval.records.budget import Budget

INSTRUCTIONS = ["say the first word", "no", "say the word twice or maybe say no again " * 3]
POOLS = ("pool", "pool:sinks=1")
SPECS = ("knorm", "keydiff", "snapkv:window=4", "random", "tova", "observed", "expected", "h2o")
BUDGETS = (None, Budget(slots=3), Budget(share=0.25), Budget(share=1.0))


@pytest.mark.parametrize("specs", [SPECS, POOLS], ids=["evictors", "pool"])
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_what_is_kept_together_is_what_is_kept_alone(family: str, specs: tuple[str, ...]) -> None:
    model = random_model(family)
    wanted = [(build_compressor(spec), budget) for spec in specs for budget in BUDGETS]
    together = compress_together(model, INSTRUCTIONS, wanted)
    for (method, budget), found in zip(wanted, together, strict=True):
        for one, alone in zip(found, method.compress(model, INSTRUCTIONS, budget), strict=True):
            assert isinstance(one, Prefix) and isinstance(alone, Prefix)
            assert (one.accounting, one.accounting.asked) == (alone.accounting, alone.accounting.asked)
            assert one.next_position == alone.next_position
            assert all(map(torch.equal, one.kept, alone.kept))
            pairs = zip(one.layers, alone.layers, strict=True)
            assert all(torch.equal(a, b) for mine, other in pairs for a, b in zip(mine, other, strict=True))


@pytest.mark.parametrize("specs", [("knorm", "tova"), POOLS])
def test_the_prompts_are_run_once(specs: tuple[str, ...], monkeypatch) -> None:
    model = random_model("llama")
    wanted = [(build_compressor(spec), budget) for spec in specs for budget in BUDGETS]
    model.rotations  # noqa: B018 - found out by passes of its own
    runs: list[int] = []
    body = model.body.forward
    monkeypatch.setattr(model.body, "forward", lambda **given: runs.append(1) or body(**given))
    compress_together(model, INSTRUCTIONS, wanted)
    assert len(runs) == 1


def test_who_can_share_a_pass() -> None:
    assert {pass_kind(build_compressor(spec)) for spec in SPECS} == {"eviction"}
    assert {pass_kind(build_compressor(spec)) for spec in POOLS} == {"pool"}
    assert {pass_kind(build_compressor(spec)) for spec in ("gist", "full", "empty", "truncate")} == {None}
