"""The best of many, measured where it was not chosen: the winner's curse.

The best of m systems is best partly by luck, so its score is too high. Here the best of one half of the
clusters is measured on the other half, over many random halves. That has no such luck in it. A system that
is clearly the best keeps its score.

Source: on the curse, I. Andrews, T. Kitagawa and A. McCloskey, "Inference on winners", Quarterly Journal of
Economics 139, 2024; on splitting, D. R. Cox, "A note on data-splitting for the evaluation of significance
levels", Biometrika 62, 1975.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gisteval.errors import InvalidRun
from gisteval.stats.samples import Clusters, FloatArray, check_values, cluster_sums

HALVES = 200


@dataclass(frozen=True, slots=True)
class Best:
    """The best of several systems.

    Attributes:
        name: The system with the best mean over all examples.
        quoted: That mean, in the unit of the values.
        honest: The mean of the best of one half, measured on the other half.
        stable: In percent, how often the best of a half is the best of all.
    """

    name: str
    quoted: float
    honest: float
    stable: float


def best_of(
    columns: Mapping[str, FloatArray], clusters: Clusters | None = None, sign: float = 1.0, seed: int = 0
) -> Best:
    """Choose the best system and measure it without the luck of being chosen.

    Args:
        columns: The values of each system on the same examples, shape (n,).
        clusters: The cluster label of each example. None: all examples are independent.
        sign: 1 if higher values are better, -1 if lower ones are.
        seed: The seed of the halves.

    Raises:
        InvalidRun: There are fewer than two systems or clusters.
    """
    names = list(columns)
    arrays = [check_values(columns[name], name) for name in names]
    labels = range(arrays[0].size) if clusters is None else clusters
    sums = cluster_sums([*arrays, np.ones(arrays[0].size)], labels)
    if len(names) < 2 or len(sums) < 2:
        raise InvalidRun("the best of many needs at least 2 systems and 2 instructions")
    means = sums[:, :-1].sum(axis=0) / sums[:, -1].sum()
    best = int(np.argmax(sign * means))
    generator = np.random.default_rng(seed)
    found, same = [], []
    for _ in range(HALVES):
        order = generator.permutation(len(sums))
        half = len(sums) // 2
        for chosen, rest in ((order[:half], order[half:]), (order[half:], order[:half])):
            totals, others = sums[chosen].sum(axis=0), sums[rest].sum(axis=0)
            winner = int(np.argmax(sign * totals[:-1]))
            found.append(others[winner] / others[-1])
            same.append(winner == best)
    return Best(names[best], float(means[best]), float(np.mean(found)), 100.0 * float(np.mean(same)))
