"""Scores of observed attention against attention by its definition."""

from __future__ import annotations

import torch
from layer_views import of_heads, own_scores, random_view, stock_weights

from gisteval.compressors.eviction.observed import ObservedAttention


def test_scores_are_the_mean_over_the_tokens_that_can_attend() -> None:
    view = random_view()
    scores = ObservedAttention().score(view)
    for row, prompt in enumerate(view.prompts):
        able = torch.tensor([len(prompt) - place for place in range(len(prompt))])
        expected = of_heads(stock_weights(view, row).sum(1), view) / able
        assert torch.allclose(own_scores(scores, view, row), expected, atol=1e-5)
