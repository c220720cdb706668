"""Several judges on the same pairs: agreement of any two, and the preference of all human judges."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from gisteval import stats
from gisteval.judging.agreement import cohen_kappa, krippendorff_alpha
from gisteval.judging.human import HUMAN
from gisteval.judging.pairs import PairScore
from gisteval.judging.protocol import Matchup
from gisteval.records.judge_figures import AgreementFigures, Interval, JudgingEntry, PanelFigures
from gisteval.records.schema import Choice

Scores = Mapping[str, PairScore]


def side_by_side(matchup: Matchup, scores: Mapping[str, Scores]) -> list[JudgingEntry]:
    """Build the entries of results.json that compare judges.

    Args:
        matchup: The systems that are compared.
        scores: Each judge's `pair_scores`, by the name that its verdicts bear.

    Returns:
        An entry for any two judges, and one for all human judges together. None for a single judge that is
        not human.
    """
    answers = {judge: _choices(of_judge) for judge, of_judge in scores.items()}
    entries: list[JudgingEntry] = []
    for first, second in combinations(answers, 2):
        agreement = cohen_kappa(answers[first], answers[second])
        if agreement is not None:
            entries.append(
                AgreementFigures(
                    judges=(first, second),
                    task=matchup.task,
                    split=matchup.split,
                    system=matchup.system,
                    reference=matchup.reference,
                    n=agreement.n,
                    agreement=agreement.agreement,
                    kappa=agreement.kappa,
                )
            )
    people = tuple(judge for judge in scores if judge.startswith(HUMAN))
    if people:
        entries.append(_panel(matchup, scores, people))
    return entries


def _panel(matchup: Matchup, scores: Mapping[str, Scores], people: tuple[str, ...]) -> PanelFigures:
    """The panel's preference in percent: the mean over people for each pair, then the mean over pairs."""
    values: dict[str, list[float]] = {}
    for judge in people:
        for pair, score in scores[judge].items():
            if score.value is not None:
                values.setdefault(pair, []).append(100.0 * score.value)
    means = [sum(answers) / len(answers) for answers in values.values()]
    clusters = [matchup.instructions[pair] for pair in values]
    return PanelFigures(
        judges=people,
        task=matchup.task,
        split=matchup.split,
        system=matchup.system,
        reference=matchup.reference,
        pairs=len(values),
        answers=sum(map(len, values.values())),
        preference=Interval.of(stats.percent_interval(means, clusters)),
        alpha=krippendorff_alpha([_choices(scores[judge]) for judge in people]),
    )


def _choices(scores: Scores) -> dict[str, Choice]:
    """A judge's choice for each pair; from the mean of both orders, if it saw both."""
    choices: dict[str, Choice] = {}
    for pair, score in scores.items():
        if score.value is not None:
            choices[pair] = "tie" if score.value == 0.5 else "a" if score.value > 0.5 else "b"
    return choices
