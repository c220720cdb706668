"""Checks of values and cluster labels, and cluster sums: the input of every interval and test."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from gisteval.errors import InvalidRun

FloatArray: TypeAlias = npt.NDArray[np.float64]
Values: TypeAlias = Sequence[float] | npt.NDArray[np.floating] | npt.NDArray[np.integer]
Clusters: TypeAlias = Sequence[Hashable]


def check_confidence(confidence: float) -> None:
    """Check a confidence.

    Raises:
        ValueError: It is not between 0 and 1.
    """
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence is a share between 0 and 1, not {confidence}")


def check_values(values: Values, name: str) -> FloatArray:
    """Return the values as a float array of shape (n,), n >= 1.

    Args:
        values: One value per example.
        name: The name of the values in error messages.

    Raises:
        InvalidRun: There are none, one is not finite, or they are not a flat list.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise InvalidRun(f"{name}: expected one value per example, got shape {array.shape}")
    if array.size == 0:
        raise InvalidRun(f"{name}: no values, so nothing can be estimated; check the split")
    unusable = np.flatnonzero(~np.isfinite(array))
    if unusable.size:
        raise InvalidRun(
            f"{name}: {unusable.size} of {array.size} values are not finite, the first at index "
            f"{unusable[0]}; leave failed examples out and count them"
        )
    return array


def check_same_length(**samples: FloatArray) -> None:
    """Check that all samples, named by keyword, have the same length.

    Raises:
        InvalidRun: Their lengths differ.
    """
    lengths = {name: sample.size for name, sample in samples.items()}
    if len(set(lengths.values())) > 1:
        listed = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise InvalidRun(
            f"a paired comparison needs the same examples on both sides, got {listed} values; "
            "compare runs of the same split and limit"
        )


def cluster_sums(columns: Sequence[FloatArray], clusters: Clusters | None) -> FloatArray:
    """Sum each column over each cluster.

    The result does not depend on the order of the examples, to the last bit: values are summed in sorted
    order, and the rows are sorted. So a seeded resampling of the rows does not depend on it either.

    Args:
        columns: Arrays of shape (n,).
        clusters: The cluster label of each example. None: each example is a cluster of its own.

    Returns:
        The sums, shape (G, len(columns)), one row per cluster.

    Raises:
        InvalidRun: The numbers of labels and examples differ.
    """
    table = np.column_stack(columns)
    if clusters is None:
        return _sorted_rows(table)
    if len(clusters) != len(table):
        raise InvalidRun(f"{len(clusters)} cluster labels for {len(table)} values: give one each")
    numbers: dict[Hashable, int] = {}
    codes = np.array([numbers.setdefault(label, len(numbers)) for label in clusters])
    order = np.lexsort(table.T[::-1])
    sums = [np.bincount(codes[order], weights=column[order]) for column in table.T]
    return _sorted_rows(np.column_stack(sums))


def _sorted_rows(table: FloatArray) -> FloatArray:
    return table[np.lexsort(table.T[::-1])]
