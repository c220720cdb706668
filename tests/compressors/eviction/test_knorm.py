"""Keys of small norm are kept."""

from __future__ import annotations

import torch

from gisteval.compressors.eviction.knorm import KeyNorm
from gisteval.records.budget import Budget

PROMPT = "say the first word twice or maybe no and again"


def test_no_key_that_is_dropped_is_smaller_than_one_that_is_kept(tiny_model) -> None:
    model, compressor = tiny_model("qwen2", 1), KeyNorm()
    (found,) = compressor.compress(model, [PROMPT], Budget(slots=6))
    (whole,) = model.whole(compressor.prompts(model, [PROMPT]))
    for kept, (keys, _), (all_keys, _) in zip(found.kept, found.layers, whole.layers, strict=True):
        norms = all_keys.norm(dim=-1)
        assert torch.equal(keys.norm(dim=-1), norms.gather(1, kept))
        dropped = norms.scatter(1, kept, torch.inf)
        assert bool((dropped.min(dim=1).values >= keys.norm(dim=-1).max(dim=1).values).all())
