"""Is a system as good as another within a margin, or is it worse? Two one-sided tests of one difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gisteval.stats.bounded import bounded_mean
from gisteval.stats.samples import Clusters, FloatArray

MARGIN = 5.0
"""Points, of a score or of a win rate around 50, within which a system counts as good as another."""


@dataclass(frozen=True, slots=True)
class MarginTest:
    """One-sided p-values: `within` of a loss of at least MARGIN points, `worse` of no loss at all."""

    within: float
    worse: float


def margin_test(differences: FloatArray, clusters: Clusters, span: float) -> MarginTest:
    """The two tests of paired differences in points, shape (n,), of which none exceeds `span`.

    NaN stands for a difference that nobody knows: it counts as the worst one where the system would be as
    good, and as the best where it would be worse. Raises InvalidRun if there are no values.
    """
    worst, best = (np.where(np.isnan(differences), end, differences) for end in (-span, span))
    return MarginTest(
        within=bounded_mean(worst, -span, span, clusters).p_at_most(-MARGIN),
        worse=bounded_mean(best, -span, span, clusters).p_at_least(0.0),
    )
