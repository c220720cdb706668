"""Columns of a cache: which hold a token, and where it stands."""

from __future__ import annotations

import torch

from gisteval.models.running.compressed import Accounting, Nothing, Prefix
from gisteval.models.running.slots import Columns

NONE = Accounting(0, 0, 0, 0)


def prefix(slots: int, next_position: int, kept=None) -> Prefix:
    states = (torch.zeros(2, slots, 3), torch.zeros(2, slots, 3))
    return Prefix((states,) * 2, next_position, NONE, kept)


def test_last_slots_stand_right_before_what_follows() -> None:
    columns = Columns.of([prefix(2, 9), Nothing(4, NONE), prefix(3, 3)], 3, torch.device("cpu"))
    assert columns.present.tolist() == [[False, True, True], [False] * 3, [True] * 3]
    assert columns.positions[0].tolist()[1:] == [7, 8]
    assert columns.positions[2].tolist() == [0, 1, 2]
    assert columns.by_layer is None and columns.at_layer(1) is columns.positions


def test_kept_slots_stand_where_they_stood() -> None:
    kept = (torch.tensor([[0, 5], [2, 3]]), torch.tensor([[1, 6], [4, 7]]))
    columns = Columns.of([prefix(2, 9, kept), prefix(1, 9)], 2, torch.device("cpu"))
    more = columns.followed_by(torch.tensor([[True], [True]]), torch.tensor([[9], [9]]))
    assert more.count == 3
    assert more.at_layer(0).tolist() == [[[0, 5, 9], [2, 3, 9]], [[0, 8, 9], [0, 8, 9]]]
    assert more.at_layer(1)[0].tolist() == [[1, 6, 9], [4, 7, 9]]
    assert more.present.tolist() == [[True] * 3, [False, True, True]]
    assert more.first(2).at_layer(0).tolist() == columns.at_layer(0).tolist()
    assert more.of_rows(torch.tensor([1])).at_layer(0).tolist() == [[[0, 8, 9], [0, 8, 9]]]
