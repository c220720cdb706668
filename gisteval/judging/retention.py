"""What a win rate keeps of the gap between the controls, as the paper's normalised scores do."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from gisteval import stats
from gisteval.judging.pairs import pair_scores
from gisteval.judging.win_rate import EVEN
from gisteval.records.schema import ResultRow, Verdict, finite


def with_retention(
    row: ResultRow,
    verdicts: Sequence[Verdict],
    negative: Sequence[Verdict],
    clusters: Mapping[str, str] | None = None,
    without_output: Collection[str] = (),
) -> ResultRow:
    """The row of a win rate with (rate - negative) / (50 - negative), in percent, and its interval.

    Both verdict lists are of one judge and reference, on the system and on the negative control; pairs
    that only one of them answers are left out of the ratio, but for those without_output, which the system
    loses. Without a shared pair the row stays as it is.
    """
    ours, lower = (
        {pair: 100.0 * score.value for pair, score in pair_scores(found).items() if score.value is not None}
        for found in (verdicts, negative)
    )
    ours |= dict.fromkeys(without_output, 0.0)
    shared = [pair for pair in ours if pair in lower]
    if not shared:
        return row
    labels = None if clusters is None else [clusters[pair] for pair in shared]
    theirs = [lower[pair] for pair in shared]
    kept = stats.retention(
        [ours[pair] for pair in shared],
        [EVEN] * len(shared),
        theirs,
        labels,
        percent=True,
    )
    return replace(
        row,
        negative=negative[0].system,
        p_controls=stats.bounded_mean(theirs, 0.0, 100.0, labels).p_at_least(EVEN),
        retention=finite(kept.value),
        retention_ci_low=finite(kept.ci_low),
        retention_ci_high=finite(kept.ci_high),
    )
