"""A judge's win rates corrected by people's labels on a part of the pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gisteval.errors import InvalidRun
from gisteval.judging.human import CLEAR, CONTESTED, HUMAN
from gisteval.judging.pairs import PairScore
from gisteval.judging.protocol import Matchup
from gisteval.judging.win_rate import EVEN
from gisteval.records.judge_figures import CorrectedFigures, Interval
from gisteval.records.schema import Estimate
from gisteval.stats.prediction_powered import (
    Corrected,
    corrected_mean,
    corrected_retention,
    rogan_gladen,
)
from gisteval.stats.samples import FloatArray

Scores = Mapping[str, PairScore]


@dataclass(frozen=True, slots=True)
class CorrectedJudge:
    """A judge's corrected win rate on one matchup, with what its entry says besides.

    Attributes:
        matchup: The systems that are compared.
        judge: The judge.
        found: The corrected win rate.
        plain: The share of wins by Rogan and Gladen's correction; None with too few labels.
    """

    matchup: Matchup
    judge: str
    found: Corrected
    plain: Estimate | None


def human_labels(scores: Mapping[str, Scores]) -> dict[str, float]:
    """Return people's mean score of each pair in percent, over the annotators that answered it."""
    answers: dict[str, list[float]] = {}
    for judge, of_judge in scores.items():
        if judge.startswith(HUMAN):
            for pair, score in of_judge.items():
                if score.value is not None:
                    answers.setdefault(pair, []).append(100.0 * score.value)
    return {pair: sum(values) / len(values) for pair, values in answers.items()}


def stratum(score: PairScore | None) -> str:
    """Return how sure a judge is of a pair: contested if it says tie, or if its two orders disagree."""
    if score is None or score.value is None or len(set(score.by_order.values())) > 1 or score.value == 0.5:
        return CONTESTED
    return CLEAR


def correct(
    matchup: Matchup, judge: str, scores: Mapping[str, Scores], chosen_by: str = ""
) -> CorrectedJudge | None:
    """Correct a judge's win rate on a matchup by people's labels.

    Args:
        matchup: The systems that are compared.
        judge: A judge that is not human.
        scores: Each judge's `pair_scores`, by the name that its verdicts bear.
        chosen_by: The judge whose answers chose the labelled pairs; empty if they are a plain sample.

    Returns:
        The correction; None without labels, or where the judge left a pair out.
    """
    labels, own = human_labels(scores), scores[judge]
    known = {pair: own[pair].value for pair in matchup.pairs if pair in own}
    if not labels or len(known) < len(matchup.pairs):
        return None
    pairs = [pair for pair, value in known.items() if value is not None]
    lost = matchup.lost
    predictions = np.array([100.0 * (known[pair] or 0.0) for pair in pairs] + [0.0] * len(lost))
    truth = np.array([labels.get(pair, math.nan) for pair in pairs] + [math.nan] * len(lost))
    certain = np.array([matchup.equal(pair) for pair in pairs] + [True] * len(lost))
    clusters = [matchup.instructions[pair] for pair in (*pairs, *lost)]
    chooser = scores.get(chosen_by, {}) if chosen_by else {}
    strata = [stratum(chooser.get(pair)) for pair in (*pairs, *lost)] if chosen_by else None
    try:
        found = corrected_mean(predictions, truth, clusters, certain, strata)
    except InvalidRun:  # too few labels to correct anything
        return None
    plain = None if chosen_by else _rogan_gladen(predictions, truth, certain)
    return CorrectedJudge(matchup, judge, found, plain)


def _rogan_gladen(
    predictions: FloatArray, truth: FloatArray, certain: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> Estimate | None:
    """Correct the share of wins among the pairs that are decided, by the judge and by people."""
    decided = ~certain & (predictions != EVEN)
    judged, people = predictions[decided] > EVEN, truth[decided]
    open_pairs = np.isnan(people)
    wins, losses = judged[people > EVEN], ~judged[people < EVEN]
    try:
        return rogan_gladen(
            int(judged[open_pairs].sum()),
            int(open_pairs.sum()),
            (int(wins.sum()), wins.size),
            (int(losses.sum()), losses.size),
        )
    except InvalidRun:
        return None


def corrected_entries(
    corrections: Sequence[CorrectedJudge], negatives: Mapping[str, str]
) -> list[CorrectedFigures]:
    """Build the entries of results.json, with retentions where the negative control has labels too.

    Args:
        corrections: All corrections of a run.
        negatives: The negative control of each system, by the system's name.
    """
    by_place = {(c.judge, c.matchup.split, c.matchup.system): c.found.estimate for c in corrections}
    entries = []
    for correction in corrections:
        matchup, found = correction.matchup, correction.found
        lower = by_place.get((correction.judge, matchup.split, negatives.get(matchup.system, "")))
        retained = None
        if lower is not None and negatives.get(matchup.system) != matchup.system:
            retained = corrected_retention(found.estimate, lower, EVEN)
        entries.append(
            CorrectedFigures(
                judge=correction.judge,
                task=matchup.task,
                split=matchup.split,
                system=matchup.system,
                reference=matchup.reference,
                labels=found.labelled,
                weight=found.weight,
                bias=found.bias,
                win_rate=Interval.of(found.estimate),
                labels_alone=Interval.of(found.labels_alone),
                retention=Interval.of(retained) if retained and math.isfinite(retained.value) else None,
                rogan_gladen=Interval.of(correction.plain),
            )
        )
    return entries
