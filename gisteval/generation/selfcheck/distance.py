"""One figure for how far apart two passes over several rows are."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

QUARTILE = 0.75
"""A row's difference is this quantile over its positions. A fault moves most positions of its row; rounding
may move a single one far, where two experts of a mixture, or two steps of int8, are nearly tied."""


def row_difference(positions: Tensor) -> float:
    """The upper quartile of the differences at a row's positions, (positions,); 0 if there are none."""
    return float(positions.quantile(QUARTILE)) if len(positions) else 0.0


def worst_row(rows: Iterable[Tensor]) -> float:
    """The largest of the rows' differences; NaN if one of them is."""
    differences = torch.tensor([row_difference(row) for row in rows])
    return float(differences.max()) if len(differences) else 0.0
