"""Win rate of a system against the positive control: verdicts in, one result row out."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gisteval import stats
from gisteval.errors import InvalidRun, counted
from gisteval.judging.pairs import pair_scores
from gisteval.records.schema import Condition, Control, Estimate, ResultRow, Verdict, finite


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

    A pair shown in both orders is worth the mean of its two looks; more than half counts as a win. An
    example that the system has no output for is a loss. missing: pairs with a look that has no answer,
    which the estimate leaves out. p_value: two-sided, of 50; claims: of 50 as `stats.margin_test` has it,
    with what is missing counted against whatever is claimed.
    """

    estimate: Estimate
    wins: int
    ties: int
    losses: int
    missing: int
    p_value: float
    claims: stats.MarginTest


EVEN = 50.0
"""The positive control's win rate against itself."""


def win_rate(
    verdicts: Iterable[Verdict],
    clusters: Mapping[str, str] | None = None,
    without_output: Collection[str] = (),
) -> WinRate:
    """Win rate from verdicts of one judge, purpose, system and split.

    clusters: the label (the instruction) of each pair, for pairs that are not independent. without_output:
    pairs that only the reference has an output for. Raises InvalidRun if no pair has an answer.
    """
    scores = {pair: score.value for pair, score in pair_scores(verdicts).items()}
    if all(value is None for value in scores.values()):
        judged = counted(len(scores), "judged pair")
        raise InvalidRun(f"none of {judged} has an answer: there is no win rate")
    scores |= dict.fromkeys(without_output, 0.0)
    pairs = list(scores)
    found = [np.nan if value is None else 100.0 * value for value in scores.values()]
    values = np.array(found)
    labels = pairs if clusters is None else [clusters[pair] for pair in pairs]
    known = ~np.isnan(values)
    mean = stats.bounded_mean(
        values[known], 0.0, 100.0, [label for label, keep in zip(labels, known, strict=True) if keep]
    )
    return WinRate(
        estimate=mean.interval(),
        wins=int((values > EVEN).sum()),
        ties=int((values == EVEN).sum()),
        losses=int((values < EVEN).sum()),
        missing=int((~known).sum()),
        p_value=mean.p_value(EVEN),
        claims=stats.margin_test(values - EVEN, labels, EVEN),
    )


def at_equal_length(adjusted: Estimate, rate: Estimate, lost: float) -> Estimate:
    """A win rate that a fit has adjusted, with an interval never narrower than the plain rate's.

    A line through percentages knows no losses that it didn't see, and leaves 0 to 100. lost: the share of
    examples that the system has no output for and so loses, which the fit leaves out.
    """
    kept = 1.0 - lost
    value, low, high = (kept * end for end in (adjusted.value, adjusted.ci_low, adjusted.ci_high))
    if math.isfinite(low) and math.isfinite(high):
        low = min(low, value - (rate.value - rate.ci_low))
        high = max(high, value + (rate.ci_high - rate.value))
        low, high = min(max(low, 0.0), 100.0), min(max(high, 0.0), 100.0)
    return replace(adjusted, value=min(max(value, 0.0), 100.0), ci_low=low, ci_high=high)


def win_rate_row(
    verdicts: Sequence[Verdict],
    labels: Labels,
    clusters: Mapping[str, str] | None = None,
    without_output: Collection[str] = (),
) -> ResultRow:
    """The row `win_rate` of results.json; reference and judge are those of the verdicts.

    Raises InvalidRun if no pair has an answer, or if the verdicts are not all of one judge, purpose,
    system, reference and split.
    """
    kinds = {(v.judge, v.purpose, v.task, v.split, v.system, v.reference) for v in verdicts}
    if len(kinds) != 1:
        raise InvalidRun(f"a win rate is of one judge, system and split, not of {sorted(kinds)}")
    first = verdicts[0]
    rate = win_rate(verdicts, clusters, without_output)
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
        p_within=rate.claims.within,
        p_worse=rate.claims.worse,
        judge=first.judge,
    )
