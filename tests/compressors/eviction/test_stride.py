"""Evenly spaced slots."""

from __future__ import annotations

import pytest
import torch

from gisteval.compressors.eviction.stride import Stride


@pytest.mark.parametrize(
    ("tokens", "count", "expected"),
    [(10, 1, [5]), (10, 2, [2, 7]), (10, 5, [1, 3, 5, 7, 9]), (4, 4, [0, 1, 2, 3]), (7, 3, [1, 3, 5])],
)
def test_the_middle_of_each_part_is_kept(tokens: int, count: int, expected: list[int]) -> None:
    assert Stride().choose(torch.zeros(2, tokens), count).tolist() == [expected] * 2


def test_gaps_differ_by_at_most_one() -> None:
    for tokens in range(1, 40):
        for count in range(1, tokens + 1):
            gaps = Stride().choose(torch.zeros(1, tokens), count)[0].diff()
            assert count == 1 or int(gaps.max() - gaps.min()) <= 1
            assert count == 1 or int(gaps.min()) >= 1
