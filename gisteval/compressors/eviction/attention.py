"""Attention weights that evictors score by, computed from what a layer attends with."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from gisteval.models.running.observe import LayerView

BLOCK_BYTES = 64 * 2**20
"""Attention weights that are alive at a time."""


def attention(view: LayerView, start: int, end: int) -> Tensor:
    """The weights with which some columns attend to all columns.

    Args:
        view: What the layer attends with.
        start: First query column.
        end: Column behind the last query.

    Returns:
        (rows, kv heads, query heads of each, end - start, tokens) float32. Padding attends to nothing and
        gets nothing.
    """
    rows, heads = view.keys.shape[:2]
    queries = view.queries[:, :, start:end].float()
    grouped = queries.reshape(rows, heads, view.groups, end - start, -1)
    products = grouped @ view.keys.float()[:, :, None].transpose(-1, -2) * view.scaling
    if view.softcap is not None:
        products = view.softcap * torch.tanh(products / view.softcap)
    visible = view.visible(start, end)[:, None, None]
    weights: Tensor = products.masked_fill(~visible, float("-inf")).softmax(-1)
    return weights.nan_to_num(0.0)


def last_attention(view: LayerView, window: int) -> Tensor:
    """The weights of the last `window` columns, at most of all; see `attention`."""
    tokens = view.keys.shape[2]
    return attention(view, max(0, tokens - window), tokens)


def blocks(view: LayerView) -> Iterator[Tensor]:
    """The weights of all columns, some of them at a time."""
    rows, heads, tokens = view.keys.shape[:3]
    step = max(1, BLOCK_BYTES // (4 * rows * heads * view.groups * tokens))
    for start in range(0, tokens, step):
        yield attention(view, start, min(start + step, tokens))


def received(view: LayerView) -> Tensor:
    """The attention that each token draws from itself and from all later ones.

    Returns:
        (rows, kv heads, tokens) float32: summed over queries, averaged over the query heads of a head.
    """
    total = torch.zeros(view.keys.shape[:3], device=view.keys.device)
    for weights in blocks(view):
        total += weights.sum(3).mean(2)
    return total
