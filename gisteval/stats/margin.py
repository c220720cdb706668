"""Is a system within a margin of another, and is it worse? Two one-sided tests of one difference."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gisteval.stats.bounded import bounded_mean
from gisteval.stats.samples import Clusters, FloatArray

MARGIN = 5.0
"""In points of a score or a win rate: the largest loss with which a system still counts as good."""


@dataclass(frozen=True, slots=True)
class MarginTest:
    """Two one-sided p-values.

    Attributes:
        within: Of the hypothesis that the loss is at least MARGIN points.
        worse: Of the hypothesis that there is no loss.
    """

    within: float
    worse: float


def margin_test(differences: FloatArray, clusters: Clusters, span: float) -> MarginTest:
    """Test paired differences in both directions.

    Args:
        differences: In points, shape (n,). An unknown difference (NaN) always counts against the claim: as
            the worst one for `within`, as the best one for `worse`.
        clusters: The cluster label of each example.
        span: The largest possible difference in either direction, in points.

    Raises:
        InvalidRun: There are no values.
    """
    worst, best = (np.where(np.isnan(differences), end, differences) for end in (-span, span))
    return MarginTest(
        within=bounded_mean(worst, -span, span, clusters).p_at_most(-MARGIN),
        worse=bounded_mean(best, -span, span, clusters).p_at_least(0.0),
    )
