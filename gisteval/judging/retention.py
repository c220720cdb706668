"""What a win rate keeps of the gap between the controls, as the paper's normalised scores do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from gisteval import stats
from gisteval.judging.pairs import pair_scores
from gisteval.schema import ResultRow, Verdict, finite

EVEN = 50.0
"""The positive control's win rate against itself."""


def with_retention(
    row: ResultRow,
    verdicts: Sequence[Verdict],
    negative: Sequence[Verdict],
    clusters: Mapping[str, str] | None = None,
    seed: int = 0,
) -> ResultRow:
    """The row of a win rate with (rate - negative) / (50 - negative), in percent, and its interval.

    Both verdict lists are of one judge and reference, on the system and on the negative control; pairs
    that only one of them answers are left out of the ratio. Without a shared pair the row stays as it is.
    """
    ours, lower = (
        {pair: 100.0 * score.value for pair, score in pair_scores(found).items() if score.value is not None}
        for found in (verdicts, negative)
    )
    shared = [pair for pair in ours if pair in lower]
    if not shared:
        return row
    kept = stats.retention(
        [ours[pair] for pair in shared],
        [EVEN] * len(shared),
        [lower[pair] for pair in shared],
        None if clusters is None else [clusters[pair] for pair in shared],
        seed=seed,
    )
    return replace(
        row,
        retention=finite(kept.value),
        retention_ci_low=finite(kept.ci_low),
        retention_ci_high=finite(kept.ci_high),
    )
