"""Scores of KeyDiff against a loop over keys."""

from __future__ import annotations

import torch
from layer_views import own_scores, random_view

from gisteval.compressors.eviction.keydiff import KeyDiff


def test_scores_are_cosines_with_the_mean_direction() -> None:
    view = random_view()
    scores = KeyDiff().score(view)
    for row in range(2):
        for head, keys in enumerate(view.alone(row).keys[0]):
            anchor = sum(key / key.norm() for key in keys) / len(keys)
            expected = torch.stack([-(key @ anchor) / (key.norm() * anchor.norm()) for key in keys])
            assert torch.allclose(own_scores(scores, view, row)[head], expected, atol=1e-6)


def test_shared_heads_keep_the_slots_of_the_mean_score() -> None:
    view = random_view()
    alone, shared = KeyDiff().score(view), KeyDiff(shared=True).score(view)
    assert torch.allclose(shared[:, 0], alone.mean(1)) and torch.equal(shared[:, 0], shared[:, 1])


def test_a_key_like_all_others_goes_first() -> None:
    view = random_view((6,))
    view.keys[0, :, :] = torch.tensor([1.0, 0, 0, 0, 0, 0])
    view.keys[0, :, 2] = torch.tensor([0, 1.0, 0, 0, 0, 0])
    assert KeyDiff().score(view)[0].argmax(-1).tolist() == [2, 2]
