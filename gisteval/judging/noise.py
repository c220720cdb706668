"""How noisy and how biased a judge is: flips, effects of order and length, and repeated comparisons."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gisteval import stats
from gisteval.judging.agreement import Agreement, cohen_kappa
from gisteval.judging.pairs import CHOICE_SCORES, PairScore, pair_scores
from gisteval.records.schema import Choice, Estimate, Order, Verdict

MOST_DOUBLINGS = 3.0
"""Length ratios beyond 8 count as 8. Otherwise a single empty output would determine the slope."""


@dataclass(frozen=True, slots=True)
class Noise:
    """Figures of one judge on one system and split. None: there is nothing to estimate it from.

    The first three leave out pairs of equal outputs, which were not judged. The next three come from a
    least-squares fit over comparisons: the score (100, 50 or 0) on the position of the system's output
    (first +1/2, second -1/2) and on log2 of the length ratio.

    Attributes:
        flips: Percent of pairs that the two orders decide differently.
        first_shown: Percent of decided comparisons that the output shown first wins; None for a judge that
            sees no order.
        longer: Percent of decided comparisons that the output with more words wins.
        order_effect: Points that being shown first brings.
        length_slope: Points that a doubling of the length brings.
        adjusted: The win rate at equal length and without the order effect, in percent.
        repeats: Agreement of comparisons that were made twice.
    """

    flips: Estimate | None
    first_shown: Estimate | None
    longer: Estimate | None
    order_effect: Estimate | None
    length_slope: Estimate | None
    adjusted: Estimate | None
    repeats: Agreement | None


def log_length_ratio(ours: str, theirs: str) -> float:
    """Return log2 of (our words + 1) / (their words + 1), clipped to [-3, 3]."""
    ratio = math.log2((len(ours.split()) + 1) / (len(theirs.split()) + 1))
    return max(-MOST_DOUBLINGS, min(MOST_DOUBLINGS, ratio))


def noise(
    verdicts: Sequence[Verdict],
    ratios: Mapping[str, float],
    clusters: Mapping[str, str],
    equal: Iterable[str] = (),
) -> Noise:
    """Measure the noise and the biases in a judge's verdicts.

    Args:
        verdicts: Verdicts of one judge, system and split, with the purposes "main" and "again".
        ratios: `log_length_ratio` of each pair.
        clusters: The instruction of each pair, by which intervals are clustered.
        equal: Pairs of equal outputs, which are ties without a call.
    """
    tied = set(equal)
    scores = pair_scores(verdict for verdict in verdicts if verdict.purpose == "main")
    judged = {pair: score for pair, score in scores.items() if pair not in tied}
    first_wins: dict[str, list[bool]] = {}
    longer_wins: dict[str, list[bool]] = {}
    for pair, score in judged.items():
        for order, value in score.by_order.items():
            if value in (0.0, 1.0):
                won = value == 1.0
                first_wins.setdefault(pair, []).append(won == (order == "ab"))
                if ratios[pair]:
                    longer_wins.setdefault(pair, []).append(won == (ratios[pair] > 0))
    flips = {
        pair: [len(set(score.by_order.values())) > 1]
        for pair, score in judged.items()
        if len(score.by_order) == 2 and score.value is not None
    }
    sees_order = any("ba" in score.by_order for score in judged.values())
    fit = _fit(scores, ratios, clusters)
    return Noise(
        flips=_share(flips, clusters),
        first_shown=_share(first_wins, clusters) if sees_order else None,
        longer=_share(longer_wins, clusters),
        order_effect=fit.slopes[0] if fit else None,
        length_slope=fit.slopes[1] if fit else None,
        adjusted=fit.intercept if fit else None,
        repeats=repeat_agreement(verdicts),
    )


def repeat_agreement(verdicts: Iterable[Verdict]) -> Agreement | None:
    """Compute the agreement of comparisons that were made twice in one order and answered both times."""
    choices: dict[str, dict[str, Choice]] = {"main": {}, "again": {}}
    for verdict in verdicts:
        if verdict.purpose in choices and CHOICE_SCORES[verdict.choice] is not None:
            choices[verdict.purpose][f"{verdict.pair} {verdict.order}"] = verdict.choice
    return cohen_kappa(choices["again"], choices["main"])


def _share(outcomes: Mapping[str, Sequence[bool]], clusters: Mapping[str, str]) -> Estimate | None:
    """The share of true outcomes in percent, clustered; outcomes are given by pair."""
    flat = [outcome for of_pair in outcomes.values() for outcome in of_pair]
    labels = [clusters[pair] for pair, of_pair in outcomes.items() for _ in of_pair]
    return stats.proportion_interval(flat, labels) if flat else None


_POSITION: dict[Order, float] = {"ab": 0.5, "ba": -0.5}


def _fit(
    scores: Mapping[str, PairScore], ratios: Mapping[str, float], clusters: Mapping[str, str]
) -> stats.LinearFit | None:
    values, positions, lengths, labels = [], [], [], []
    for pair, score in scores.items():
        if score.value is not None:
            for order, value in score.by_order.items():
                assert value is not None
                values.append(100.0 * value)
                positions.append(_POSITION[order])
                lengths.append(ratios[pair])
                labels.append(clusters[pair])
    if not values:
        return None
    return stats.linear_fit(np.array(values), [positions, lengths], labels)
