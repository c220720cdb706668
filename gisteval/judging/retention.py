"""Retention of a win rate: its share of the gap between the controls.

The paper (Mu et al., "Learning to Compress Prompts with Gist Tokens", 2023) normalises its scores this way.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from gisteval.judging.pairs import item_means, pair_scores
from gisteval.judging.win_rate import EVEN
from gisteval.records.schema import ResultRow, Verdict
from gisteval.scores.comparison import retained_share


def with_retention(
    row: ResultRow,
    verdicts: Sequence[Verdict],
    negative: Sequence[Verdict],
    clusters: Mapping[str, str] | None = None,
    without_output: Collection[str] = (),
    items: Mapping[str, str] | None = None,
) -> ResultRow:
    """Add (rate - negative) / (50 - negative) in percent, with its interval, to the row of a win rate.

    Pairs that only one of the two systems has an answer on are left out of the ratio, except those in
    `without_output`. If no pair is shared, the row stays as it is.

    Args:
        row: The row of the win rate.
        verdicts: One judge's verdicts on the system.
        negative: The same judge's verdicts on the negative control, against the same reference.
        clusters: The instruction of each pair; None if all pairs are independent.
        without_output: Pairs that the system has no output for, and therefore loses.
        items: As `item_means` takes it. Pairs above are then examples.
    """
    scores = [{pair: s.value for pair, s in pair_scores(side).items()} for side in (verdicts, negative)]
    scores[0] |= dict.fromkeys(without_output, 0.0)
    system_scores, negative_scores = (
        {item: 100.0 * value for item, value in item_means(side, items).items() if value is not None}
        for side in scores
    )
    shared = [pair for pair in system_scores if pair in negative_scores]
    if not shared:
        return row
    labels = None if clusters is None else [clusters[pair] for pair in shared]
    ours, lower = (np.array([side[pair] for pair in shared]) for side in (system_scores, negative_scores))
    upper = np.full(len(shared), EVEN)
    retained = retained_share(ours, upper, lower, labels, upper - lower, EVEN)
    return retained.added_to(row, negative[0].system)
