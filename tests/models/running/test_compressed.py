"""Positions of kept slots, and prefixes joined."""

from __future__ import annotations

import torch

from gisteval.models.running.compressed import Accounting, Prefix, join


def prefix(slots: int, end: int, kept: torch.Tensor | None = None, layers: int = 2) -> Prefix:
    states = tuple((torch.rand(3, slots, 4), torch.rand(3, slots, 4)) for _ in range(layers))
    account = Accounting(end, 1, slots, 8 * slots, kept_template=1)
    return Prefix(states, end, account, None if kept is None else (kept,) * layers)


def test_slots_without_positions_are_the_last_ones() -> None:
    assert prefix(3, 10).positions(1).tolist() == [[7, 8, 9]] * 3
    kept = torch.tensor([[-1, 2, 5]] * 3)
    assert torch.equal(prefix(3, 10, kept).positions(0), kept)


def test_a_joined_prefix_holds_the_slots_of_all() -> None:
    first, second = prefix(2, 6, torch.tensor([[0, 4]] * 3)), prefix(3, 12)
    both = join([first, second])
    assert (both.slots, both.next_position) == (5, 12)
    assert both.positions(0).tolist() == [[0, 4, 9, 10, 11]] * 3
    for layer in range(2):
        for part in range(2):
            pieces = [one.layers[layer][part] for one in (first, second)]
            assert torch.equal(both.layers[layer][part], torch.cat(pieces, dim=1))
    account = both.accounting
    assert (account.source_tokens, account.template_tokens, account.kept, account.bytes) == (18, 2, 5, 40)
    assert (account.kept_template, account.asked) == (2, None)
