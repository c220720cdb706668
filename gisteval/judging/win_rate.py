"""Win rate of a system against the positive control: verdicts in, one result row out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gisteval import stats
from gisteval.errors import InvalidRun, counted
from gisteval.judging.pairs import pair_scores
from gisteval.schema import Condition, Control, Estimate, ResultRow, Verdict, finite


@dataclass(frozen=True, slots=True)
class Labels:
    """What a result row says of a system beside its name."""

    condition: Condition | None
    control: Control | None
    compressor: str
    k: int


@dataclass(frozen=True, slots=True)
class WinRate:
    """Mean of win 1, tie 1/2, loss 0 over the pairs with an answer, in percent.

    A pair shown in both orders is worth the mean of its two looks; more than half counts as a win. missing:
    pairs with a look that has no answer, which the estimate leaves out. p_value: two-sided t test of 50.
    """

    estimate: Estimate
    wins: int
    ties: int
    losses: int
    missing: int
    p_value: float


def win_rate(verdicts: Iterable[Verdict], clusters: Mapping[str, str] | None = None) -> WinRate:
    """Win rate from verdicts of one judge, purpose, system and split.

    clusters: the label (the instruction) of each pair, for pairs that are not independent. Raises
    InvalidRun if no pair has an answer.
    """
    scores = {pair: score.value for pair, score in pair_scores(verdicts).items()}
    known = {pair: value for pair, value in scores.items() if value is not None}
    if not known:
        pairs = counted(len(scores), "judged pair")
        raise InvalidRun(f"none of {pairs} has an answer: there is no win rate")
    values = 100.0 * np.array(list(known.values()))
    labels = None if clusters is None else [clusters[pair] for pair in known]
    against_half = stats.paired_difference(values, np.full_like(values, 50.0), labels)
    return WinRate(
        estimate=_interval(values, labels),
        wins=against_half.wins,
        ties=against_half.ties,
        losses=against_half.losses,
        missing=len(scores) - len(known),
        p_value=against_half.p_value_t,
    )


def _interval(values: stats.FloatArray, labels: Sequence[str] | None) -> Estimate:
    """The t interval, within 0 and 100; unbounded for a single pair or cluster.

    Where every pair is won, or every one lost, it would have no width: then Wilson's.
    """
    if values.size == 1 or (labels is not None and len(set(labels)) == 1):
        return stats.mean_interval(values, labels)
    if values.min() == values.max() in (0.0, 100.0):
        return stats.proportion_interval(list(values == 100.0), labels)
    found = stats.mean_interval(values, labels)
    low, high = max(found.ci_low, 0.0), min(found.ci_high, 100.0)
    return Estimate(found.value, low, high, found.n, found.clusters, found.confidence, found.method)


def win_rate_row(
    verdicts: Sequence[Verdict], labels: Labels, clusters: Mapping[str, str] | None = None
) -> ResultRow:
    """The row `win_rate` of results.json; reference and judge are those of the verdicts.

    Raises InvalidRun if no pair has an answer, or if the verdicts are not all of one judge, purpose,
    system, reference and split.
    """
    kinds = {(v.judge, v.purpose, v.task, v.split, v.system, v.reference) for v in verdicts}
    if len(kinds) != 1:
        raise InvalidRun(f"a win rate is of one judge, system and split, not of {sorted(kinds)}")
    first = verdicts[0]
    rate = win_rate(verdicts, clusters)
    return ResultRow(
        task=first.task,
        split=first.split,
        system=first.system,
        condition=labels.condition,
        control=labels.control,
        compressor=labels.compressor,
        k=labels.k,
        metric="win_rate",
        value=rate.estimate.value,
        ci_low=finite(rate.estimate.ci_low),
        ci_high=finite(rate.estimate.ci_high),
        unit="percent",
        n=rate.estimate.n,
        clusters=rate.estimate.clusters,
        failures=rate.missing,
        reference=first.reference,
        p_value=rate.p_value,
        judge=first.judge,
    )
