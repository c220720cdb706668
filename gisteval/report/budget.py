"""How all claims about one positive control and its systems share a 5% chance of a false claim.

Each kind of claim has a share of LEVEL and is corrected for all claims of its kind. The corrected p-value
is divided by the kind's share, so that everywhere in a report "shown" means a corrected p-value of at most
LEVEL. The chance of any false claim is then at most LEVEL (Bonferroni over the kinds). Systems with
different positive controls are separate experiments: what a report says of one does not depend on the
others in the same report.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEVEL = 0.05
"""The chance of any false claim about one positive control and its systems."""

CONTROLS, CANDIDATES, ORDERS = 0.1, 0.6, 0.3
"""Shares of LEVEL: for controls that differ, candidates against a control, and candidates in order."""

ALONE = 0.5
"""The share of a claim that is the only one about candidates: the level of one end of a 95% interval."""


def corrected_margins(tests: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Correct the p-values of "within" and "worse" for all candidates and splits.

    A candidate can't be both worse by the margin and not worse at all, so at most one of its two null
    hypotheses is true. Each candidate and split therefore counts once until both are rejected. That is
    Holm's method as improved by J. P. Shaffer, "Modified sequentially rejective multiple test procedures",
    Journal of the American Statistical Association 81, 1986.

    Args:
        tests: The two p-values (within, worse) of each candidate on each split.

    Returns:
        The corrected p-values, in the same order.
    """
    flat = np.array(tests, dtype=np.float64).reshape(-1)
    rejected = np.zeros(len(tests), dtype=int)
    adjusted, largest = np.empty_like(flat), 0.0
    for place in np.argsort(flat, kind="stable"):
        largest = max(largest, float(flat[place]) * int((rejected < 2).sum()))
        adjusted[place] = min(max(largest / CANDIDATES, float(flat[place]) / ALONE), 1.0)
        rejected[place // 2] += 1
    pairs = adjusted.reshape(-1, 2)
    return [(float(within), float(worse)) for within, worse in pairs]
