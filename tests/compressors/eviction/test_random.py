"""Random slots depend on the prompt's content and the seed alone, and are uniform."""

from __future__ import annotations

import torch

from gisteval.compressors.eviction.random import RandomEviction
from gisteval.records.budget import Budget

PROMPT = "say the first word twice or maybe no and again"


def kept(model, compressor: RandomEviction, texts: list[str]) -> list[torch.Tensor]:
    return [torch.stack(found.kept) for found in compressor.compress(model, texts, Budget(slots=5))]


def test_layers_heads_prompts_and_seeds_draw_apart(tiny_model) -> None:
    model = tiny_model("llama", 1)
    one, other = kept(model, RandomEviction(), [PROMPT, PROMPT + "!"])
    assert torch.equal(one, kept(model, RandomEviction(), [PROMPT])[0])
    assert len({tuple(head.tolist()) for layer in one for head in layer}) == 6
    assert not torch.equal(one, other)
    assert not torch.equal(one, kept(model, RandomEviction(seed=1), [PROMPT])[0])


def test_slots_are_drawn_evenly(tiny_model) -> None:
    """Each slot's count over 60 seeds, 3 layers and 2 heads is binomial: within 5 standard deviations."""
    model = tiny_model("llama", 1)
    tokens = len(RandomEviction().prompts(model, [PROMPT])[0])
    drawn = torch.cat([kept(model, RandomEviction(seed), [PROMPT])[0].flatten() for seed in range(60)])
    counts, share = torch.bincount(drawn, minlength=tokens), 5 / tokens
    spread = (360 * share * (1 - share)) ** 0.5
    assert float((counts - 360 * share).abs().max()) <= 5 * spread
