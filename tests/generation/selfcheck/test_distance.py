"""One figure for the distance of two passes."""

from __future__ import annotations

import math

import torch

from gisteval.generation.selfcheck.distance import row_difference, worst_row


def test_a_single_position_does_not_decide_a_row() -> None:
    assert row_difference(torch.tensor([0.0] * 9 + [5.0])) == 0.0
    assert row_difference(torch.tensor([0.0, 1.0, 2.0, 3.0, 4.0])) == 3.0
    assert row_difference(torch.empty(0)) == 0.0


def test_the_worst_row_is_not_a_number_if_any_row_is_not() -> None:
    assert worst_row([torch.ones(4), torch.full((2,), 3.0)]) == 3.0
    assert math.isnan(worst_row([torch.ones(4), torch.tensor([math.nan, 1.0])]))
    assert worst_row([]) == 0.0
