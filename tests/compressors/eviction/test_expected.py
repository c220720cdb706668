"""Expected attention: its terms one by one, on a layer that rotates nothing."""

from __future__ import annotations

import torch
from layer_views import own_scores, random_view

from gisteval.compressors.eviction.expected import ExpectedAttention


def test_without_covariance_it_is_the_attention_of_the_mean_query() -> None:
    view = random_view(heads=2)
    scores = ExpectedAttention(sinks=2, covariance=False, vnorm=False).score(view)
    for row in range(2):
        alone = view.alone(row)
        mean = alone.queries[0, :, 2:].mean(1, keepdim=True)
        expected = (mean @ alone.keys[0, :, 2:].transpose(1, 2) * view.scaling)[:, 0].softmax(-1)
        assert torch.allclose(own_scores(scores, view, row)[:, 2:], expected, atol=1e-6)


def test_the_covariance_is_that_of_the_queries() -> None:
    """E[exp(q k)] of a normal q is exp(mean k + k S k / 2), so the logits differ by k S k / 2."""
    view = random_view((9,), heads=2)
    with_it, without = (
        ExpectedAttention(sinks=0, covariance=flag, vnorm=False).score(view)[0].log()
        for flag in (True, False)
    )
    for head in range(2):
        spread = torch.cov(view.queries[0, head].T, correction=0)
        half = torch.stack([key @ spread @ key for key in view.keys[0, head]]) * view.scaling**2 / 2
        difference = with_it[head] - without[head] - half
        assert torch.allclose(difference, difference.mean().expand(9), atol=1e-4)


def test_norms_of_values_weigh_and_sinks_stay() -> None:
    view = random_view((9,))
    plain, weighed = (ExpectedAttention(sinks=3, vnorm=flag).score(view)[0] for flag in (False, True))
    assert torch.allclose(weighed[:, 3:], plain[:, 3:] * view.values[0, :, 3:].norm(dim=-1), atol=1e-6)
    assert bool((weighed[:, :3].amin(1) > weighed[:, 3:].amax(1)).all())
