"""Scores of TOVA against attention by its definition."""

from __future__ import annotations

import torch
from layer_views import own_scores, random_view, stock_weights

from gisteval.compressors.eviction.tova import Tova


def test_all_heads_keep_what_the_last_token_attends_to() -> None:
    view = random_view()
    scores = Tova().score(view)
    for row in range(2):
        mean = stock_weights(view, row)[:, -1].mean(0)
        own = own_scores(scores, view, row)
        assert torch.equal(own[0], own[1])
        assert torch.allclose(own[0, :-1], mean[:-1], atol=1e-6)


def test_the_last_token_is_kept_before_any_other() -> None:
    view = random_view((7, 1))
    for row in range(2):
        own = own_scores(Tova().score(view), view, row)
        assert own.argmax(-1).tolist() == [own.shape[1] - 1] * 2
