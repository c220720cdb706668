"""The first slots of each row, whatever they hold."""

from __future__ import annotations

import torch
from layer_views import own_scores, random_view

from gisteval.compressors.eviction.first import FirstSlots


def test_the_first_slots_of_each_row_are_kept() -> None:
    view, method = random_view(), FirstSlots()
    for row, prompt in enumerate(view.prompts):
        for count in (1, 3, len(prompt)):
            kept = method.choose(own_scores(method.score(view), view, row), count)
            assert torch.equal(kept, torch.arange(count).expand(2, -1))
