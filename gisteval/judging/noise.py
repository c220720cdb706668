"""What a judge's verdicts say of the judge: flips, places, lengths, and what it says when asked again."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gisteval import stats
from gisteval.judging.agreement import Agreement, cohen_kappa
from gisteval.judging.pairs import WORTH, PairScore, pair_scores
from gisteval.records.schema import Choice, Estimate, Order, Verdict

MOST_DOUBLINGS = 3.0
"""Length ratios beyond 8 count as 8, or a single empty output would make the slope."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Figures of one judge on one system and split; shares in percent, effects in points; None: no data.

    Outputs that are equal were not judged: the first three leave them out.

    flips: pairs that the two orders decide for different sides, or for a side and a tie.
    first_shown: decided looks that the output shown first has won; None for a judge that sees no order.
    longer: decided looks that the output with more words has won.
    order_effect, length_slope, adjusted: the least-squares fit over looks of worth (100, 50, 0) on place
    (first +1/2, second -1/2) and log2 of the length ratio. adjusted is the win rate at equal length and in
    no place; length_slope the points a doubling of the length brings.
    again: the same looks taken a second time.
    """

    flips: Estimate | None
    first_shown: Estimate | None
    longer: Estimate | None
    order_effect: Estimate | None
    length_slope: Estimate | None
    adjusted: Estimate | None
    again: Agreement | None


def log_length_ratio(ours: str, theirs: str) -> float:
    """log2 of (words + 1) over (words + 1), cut off at +-3."""
    ratio = math.log2((len(ours.split()) + 1) / (len(theirs.split()) + 1))
    return max(-MOST_DOUBLINGS, min(MOST_DOUBLINGS, ratio))


def noise(
    verdicts: Sequence[Verdict],
    ratios: Mapping[str, float],
    clusters: Mapping[str, str],
    equal: Iterable[str] = (),
) -> Noise:
    """The noise in verdicts of one judge, system and split (purposes "main" and "again").

    ratios: `log_length_ratio` of each pair; clusters: its instruction; equal: pairs tied without a call.
    """
    tied = set(equal)
    scores = pair_scores(verdict for verdict in verdicts if verdict.purpose == "main")
    judged = {pair: score for pair, score in scores.items() if pair not in tied}
    first: dict[str, list[bool]] = {}
    longer: dict[str, list[bool]] = {}
    for pair, score in judged.items():
        for order, worth in score.by_order.items():
            if worth in (0.0, 1.0):
                won = worth == 1.0
                first.setdefault(pair, []).append(won == (order == "ab"))
                if ratios[pair]:
                    longer.setdefault(pair, []).append(won == (ratios[pair] > 0))
    flips = {
        pair: [len(set(score.by_order.values())) > 1]
        for pair, score in judged.items()
        if len(score.by_order) == 2 and score.value is not None
    }
    fit = _fit(scores, ratios, clusters)
    return Noise(
        flips=_share(flips, clusters),
        first_shown=_share(first, clusters) if any("ba" in s.by_order for s in judged.values()) else None,
        longer=_share(longer, clusters),
        order_effect=fit.slopes[0] if fit else None,
        length_slope=fit.slopes[1] if fit else None,
        adjusted=fit.intercept if fit else None,
        again=again(verdicts),
    )


def again(verdicts: Iterable[Verdict]) -> Agreement | None:
    """Agreement of the looks taken twice, in the same order, with an answer each time."""
    looks: dict[str, dict[str, Choice]] = {"main": {}, "again": {}}
    for verdict in verdicts:
        if verdict.purpose in looks and WORTH[verdict.choice] is not None:
            looks[verdict.purpose][f"{verdict.pair} {verdict.order}"] = verdict.choice
    return cohen_kappa(looks["again"], looks["main"])


def _share(outcomes: Mapping[str, Sequence[bool]], clusters: Mapping[str, str]) -> Estimate | None:
    """Share of true outcomes in percent, clustered."""
    flat = [outcome for found in outcomes.values() for outcome in found]
    labels = [clusters[pair] for pair, found in outcomes.items() for _ in found]
    return stats.proportion_interval(flat, labels) if flat else None


_PLACE: dict[Order, float] = {"ab": 0.5, "ba": -0.5}


def _fit(
    scores: Mapping[str, PairScore], ratios: Mapping[str, float], clusters: Mapping[str, str]
) -> stats.LinearFit | None:
    worths, places, lengths, labels = [], [], [], []
    for pair, score in scores.items():
        if score.value is not None:
            for order, worth in score.by_order.items():
                assert worth is not None
                worths.append(100.0 * worth)
                places.append(_PLACE[order])
                lengths.append(ratios[pair])
                labels.append(clusters[pair])
    if not worths:
        return None
    return stats.linear_fit(np.array(worths), [places, lengths], labels)
