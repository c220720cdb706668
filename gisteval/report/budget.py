"""How the claims beside one positive control share a 5% chance of saying something false.

Each kind of claim has a part of LEVEL, and is corrected within it for all claims of its kind. A corrected
p-value is divided by its kind's part, so that everywhere in a report "shown" means a corrected p-value of
at most LEVEL. The chance of any false claim is then at most LEVEL (Bonferroni over the kinds). Systems
beside different positive controls are different experiments: what a report says of one does not depend on
which others it is put together with.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LEVEL = 0.05
"""Chance of a false claim beside one positive control."""

CONTROLS, CANDIDATES, ORDERS = 0.1, 0.6, 0.3
"""Parts for controls that lie apart, candidates held against them, and one candidate over another."""

ALONE = 0.5
"""What a claim about a candidate may take were it the only one: the level of a 95% interval's end."""


def corrected_margins(tests: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Corrected p-values of "within" and "worse" for each candidate on each split.

    A candidate can't be both below by the margin and not below at all, so at most one of its two hypotheses
    is true, and each candidate and split counts once until both are rejected: Holm's method as sharpened by
    J. P. Shaffer, "Modified sequentially rejective multiple test procedures", JASA 81, 1986.
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
