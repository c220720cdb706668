"""How much of a selection a batch may change, counted by hand."""

from __future__ import annotations

import pytest
import torch

from gisteval.generation.selfcheck.alone import selection_difference
from gisteval.models.running.compressed import Accounting, Nothing, Prefix, Tokens

ACCOUNT = Accounting(9, 2, 4, 0)


def prefix(*layers: list[list[int]]) -> Prefix:
    kept = tuple(map(torch.tensor, layers))
    states = tuple((torch.zeros(*one.shape, 2), torch.zeros(*one.shape, 2)) for one in kept)
    return Prefix(states, 9, ACCOUNT, kept)


def tokens(ids: list[int], template: int = 0) -> Tokens:
    return Tokens(tuple(ids), Accounting(9, 2, len(ids), 0, kept_template=template))


@pytest.mark.parametrize(
    ("together", "alone", "share"),
    [
        (prefix([[0, 1], [2, 3]]), prefix([[0, 1], [2, 3]]), 0.0),
        (prefix([[0, 1], [2, 3]]), prefix([[0, 1], [2, 4]]), 1 / 4),
        (prefix([[0, 1]], [[0, 1]]), prefix([[0, 2]], [[0, 2]]), 2 / 4),
        (prefix([[-1, 1], [2, 3]]), prefix([[0, 1], [2, 3]]), 1 / 4),
        (tokens([1, 2, 3, 4]), tokens([4, 3, 2, 1]), 0.0),  # the losses see another order
        (tokens([1, 2, 3, 4], 2), tokens([1, 2, 3, 5], 2), 1 / 2),
        (tokens([1, 2], 2), tokens([1, 2], 2), 0.0),
    ],
)
def test_the_share_of_slots_that_differ(together, alone, share: float) -> None:
    assert selection_difference([(together, alone)]) == pytest.approx(share)
    assert selection_difference([(together, together), (together, alone)]) == pytest.approx(share)


def test_what_says_nothing_of_its_slots_has_no_share() -> None:
    assert selection_difference([(Nothing(3, ACCOUNT), Nothing(3, ACCOUNT))]) is None
