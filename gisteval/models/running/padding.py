"""Padded batches of token lists, and the positions of their tokens."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def pad_left(sequences: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids and presence (bool), both (rows, longest); padding is id 0 on the left."""
    width = max(len(sequence) for sequence in sequences)
    ids = torch.tensor([[0] * (width - len(s)) + list(s) for s in sequences], dtype=torch.long)
    present = torch.tensor([[False] * (width - len(s)) + [True] * len(s) for s in sequences])
    return ids.to(device), present.to(device)


def pad_right(sequences: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """The same with the padding on the right."""
    width = max(len(sequence) for sequence in sequences)
    ids = torch.tensor([list(s) + [0] * (width - len(s)) for s in sequences], dtype=torch.long)
    present = torch.tensor([[True] * len(s) + [False] * (width - len(s)) for s in sequences])
    return ids.to(device), present.to(device)


def positions(present: Tensor, start: Tensor | int) -> Tensor:
    """Position ids of left-padded rows that begin at `start` (a number or one a row); padding gets 0."""
    offset = start[:, None] if isinstance(start, Tensor) else start
    return torch.where(present, present.cumsum(1) - 1 + offset, 0)
