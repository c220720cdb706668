"""Slots of heads follow the best scores of all heads, and add up."""

from __future__ import annotations

import torch

from gisteval.compressors.eviction.adakv import AdaKV
from gisteval.compressors.eviction.knorm import KeyNorm

SCORES = torch.tensor([[0.9, 0.8, 0.7, 0.6, 0.5], [0.55, 0.1, 0.2, 0.3, 0.4]])


def test_heads_with_higher_scores_keep_more():
    assert AdaKV(KeyNorm(), safeguard=0.0).head_slots(SCORES, 2).tolist() == [4, 0]
    assert AdaKV(KeyNorm(), safeguard=0.0).head_slots(SCORES, 3).tolist() == [5, 1]


def test_each_head_keeps_its_safeguard():
    assert AdaKV(KeyNorm(), safeguard=0.5).head_slots(SCORES, 2).tolist() == [3, 1]
    assert AdaKV(KeyNorm(), safeguard=1.0).head_slots(SCORES, 2).tolist() == [2, 2]


def test_equal_scores_are_spread_evenly():
    assert AdaKV(KeyNorm()).head_slots(torch.ones(4, 9), 3).tolist() == [3] * 4


def test_totals_are_conserved():
    scores = torch.randn(4, 11, generator=torch.Generator().manual_seed(0))
    for mean in range(1, 12):
        counts = AdaKV(KeyNorm()).head_slots(scores, mean)
        assert int(counts.sum()) == 4 * mean
        assert int(counts.max()) <= 11
    assert counts.tolist() == [11] * 4
