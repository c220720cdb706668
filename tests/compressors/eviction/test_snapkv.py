"""SnapKV against attention by its definition."""

from __future__ import annotations

import pytest
import torch
from layer_views import of_heads, own_scores, random_view, stock_weights

from gisteval.compressors.eviction.snapkv import SnapKV
from gisteval.errors import GistevalError


def test_without_smoothing_scores_are_the_windows_mean_attention() -> None:
    view, method = random_view((12, 7)), SnapKV(window=3, kernel=1)
    scores = method.score(view)
    for row, prompt in enumerate(view.prompts):
        before = len(prompt) - 3
        expected = of_heads(stock_weights(view, row)[:, before:, :before].mean(1), view)
        assert torch.allclose(own_scores(scores, view, row)[:, :before], expected, atol=1e-6)


def test_smoothing_is_a_mean_over_neighbours_within_the_row() -> None:
    view = random_view((12, 7))
    plain, smooth = (SnapKV(window=3, kernel=size).score(view) for size in (1, 3))
    for row, prompt in enumerate(view.prompts):
        before = len(prompt) - 3
        sides = torch.nn.functional.pad(own_scores(plain, view, row)[:, :before], (1, 1))
        expected = (sides[:, :-2] + sides[:, 1:-1] + sides[:, 2:]) / 3
        assert torch.allclose(own_scores(smooth, view, row)[:, :before], expected, atol=1e-6)


@pytest.mark.parametrize("count", [1, 3, 5])
def test_the_window_is_kept_first(count: int) -> None:
    view, method = random_view((12, 7)), SnapKV(window=3, kernel=1)
    for row, prompt in enumerate(view.prompts):
        kept = method.choose(own_scores(method.score(view), view, row), count)
        last = set(range(len(prompt) - min(count, 3), len(prompt)))
        assert all(last <= set(head.tolist()) for head in kept) and kept.shape == (2, count)


def test_an_even_kernel_is_refused() -> None:
    with pytest.raises(GistevalError, match="kernel must be odd, not 4"):
        SnapKV(kernel=4)
