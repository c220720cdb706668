"""Judges side by side on the same pairs: agreement of any two, and what a panel of people prefers."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from gisteval import stats
from gisteval.judging.agreement import cohen_kappa, krippendorff_alpha
from gisteval.judging.human import HUMAN
from gisteval.judging.pairs import PairScore
from gisteval.judging.protocol import Contest
from gisteval.records.judge_figures import AgreementFigures, Interval, JudgingEntry, PanelFigures
from gisteval.records.schema import Choice

Scores = Mapping[str, PairScore]


def side_by_side(contest: Contest, scores: Mapping[str, Scores]) -> list[JudgingEntry]:
    """Entries of results.json about several judges of a contest; none for a single one.

    scores: `pair_scores` by judge.
    """
    answers = {judge: _choices(choices) for judge, choices in scores.items()}
    entries: list[JudgingEntry] = []
    for first, second in combinations(answers, 2):
        agreement = cohen_kappa(answers[first], answers[second])
        if agreement is not None:
            entries.append(
                AgreementFigures(
                    judges=(first, second),
                    task=contest.task,
                    split=contest.split,
                    system=contest.system,
                    reference=contest.reference,
                    n=agreement.n,
                    agreement=agreement.agreement,
                    kappa=agreement.kappa,
                )
            )
    people = tuple(judge for judge in scores if judge.startswith(HUMAN))
    if people:
        entries.append(_panel(contest, scores, people))
    return entries


def _panel(contest: Contest, scores: Mapping[str, Scores], people: tuple[str, ...]) -> PanelFigures:
    """Preference of the panel: the mean over its people for each pair, then over pairs, in percent."""
    values: dict[str, list[float]] = {}
    for judge in people:
        for pair, score in scores[judge].items():
            if score.value is not None:
                values.setdefault(pair, []).append(100.0 * score.value)
    pairs = contest.pairs
    means = [sum(answers) / len(answers) for answers in values.values()]
    clusters = [pairs[pair].instruction for pair in values]
    return PanelFigures(
        judges=people,
        task=contest.task,
        split=contest.split,
        system=contest.system,
        reference=contest.reference,
        pairs=len(values),
        answers=sum(map(len, values.values())),
        preference=Interval.of(stats.percent_interval(means, clusters)),
        alpha=krippendorff_alpha([_choices(scores[judge]) for judge in people]),
    )


def _choices(scores: Scores) -> dict[str, Choice]:
    """A judge's choice for each pair: of both orders together, if it saw both."""
    found: dict[str, Choice] = {}
    for pair, score in scores.items():
        if score.value is not None:
            found[pair] = "tie" if score.value == 0.5 else "a" if score.value > 0.5 else "b"
    return found
