"""Slots attended to: as many as the running cache holds, and LightThinker's formula without compression."""

from __future__ import annotations

import pytest
from random_models import random_examples, random_model

from gisteval.compressors.empty import Empty
from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.compressors.spec import build_compressor
from gisteval.diagnostics.reading import PromptReader
from gisteval.diagnostics.work import work
from gisteval.records.budget import Budget

EXAMPLES = random_examples(count=5)


@pytest.mark.parametrize("spec", ["full", "empty", "gist", "keydiff", "truncate"])
def test_slots_are_those_of_the_cache(spec: str) -> None:
    model = random_model("llama", k=2)
    method = build_compressor(spec)
    budget = Budget(slots=3) if spec in ("keydiff", "truncate") else None
    reader = PromptReader("it", model if spec == "gist" else model.with_gists(0, 0), method, budget)
    for (found,) in (list(batch) for example in EXAMPLES for batch in work(reader, [example])):
        (answer,) = model.tokens.targets([found.example.output])
        before = int(reader.open([found.example]).columns.present.sum())
        assert found.values["peak_slots"] == pytest.approx(before + len(answer))
        attended = [before + place + 1 for place in range(len(answer))]
        assert found.values["dep"] == pytest.approx(sum(attended))
        assert found.values["mean_slots"] == pytest.approx(sum(attended) / len(attended))


@pytest.mark.parametrize("family", ["llama", "t5"])
def test_without_compression_it_is_the_formula(family: str) -> None:
    model = random_model(family, k=0)
    lengths = dict(zip([e.id for e in EXAMPLES], model.tokens.lengths(EXAMPLES), strict=True))
    for batch in work(PromptReader("full", model, Full()), EXAMPLES):
        for found in batch:
            prompt, text, answer = lengths[found.example.id]
            before = prompt + text
            assert found.values["dep"] == before * answer + answer * (answer + 1) / 2


def test_gists_cost_k_slots_more_than_nothing() -> None:
    model = random_model("llama", k=2)
    one, other = (
        {item.example.id: item.values for batch in work(reader, EXAMPLES) for item in batch}
        for reader in (PromptReader("gist", model, Gist()), PromptReader("none", model, Empty()))
    )
    assert all(one[name]["peak_slots"] == other[name]["peak_slots"] + 2 for name in one)
