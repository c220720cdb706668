"""The win rate of a system against its positive control, from verdicts to a result row."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gisteval import stats
from gisteval.errors import InvalidRun, counted
from gisteval.judging.pairs import item_means, pair_scores
from gisteval.records.schema import Condition, Control, Estimate, ResultRow, Verdict, finite


@dataclass(frozen=True, slots=True)
class Labels:
    """What a result row says about a system besides its name; the fields are the row's."""

    condition: Condition | None
    control: Control | None
    compressor: str
    k: int


@dataclass(frozen=True, slots=True)
class WinRate:
    """Mean of win 1, tie 1/2, loss 0 over the pairs with an answer.

    A pair that was shown in both orders scores the mean of its two comparisons, and counts as a win if that
    is more than one half. An example that the system has no output for is a loss.

    Attributes:
        estimate: The win rate in percent.
        wins: Pairs won.
        ties: Pairs tied.
        losses: Pairs lost.
        missing: Pairs with a comparison that has no answer. The estimate leaves their examples out.
        p_value: Two-sided, of the hypothesis that the win rate is 50.
        claims: The tests of `stats.margin_test` against 50. Missing pairs count against whatever is
            claimed.
    """

    estimate: Estimate
    wins: int
    ties: int
    losses: int
    missing: int
    p_value: float
    claims: stats.MarginTest

    @property
    def pairs(self) -> int:
        """Pairs with an answer."""
        return self.wins + self.ties + self.losses


EVEN = 50.0
"""The positive control's win rate against itself, in percent."""


def win_rate(
    verdicts: Iterable[Verdict],
    clusters: Mapping[str, str] | None = None,
    without_output: Collection[str] = (),
    items: Mapping[str, str] | None = None,
) -> WinRate:
    """Compute a win rate.

    Args:
        verdicts: Verdicts of one judge, purpose, system and split.
        clusters: The instruction of each pair, for pairs that are not independent; None if all are.
        without_output: Pairs that only the reference has an output for.
        items: As `item_means` takes it. An example counts with the mean of its pairs.

    Raises:
        InvalidRun: No example has an answer.
    """
    scores = {pair: score.value for pair, score in pair_scores(verdicts).items()}
    if all(value is None for value in scores.values()):
        judged = counted(len(scores), "judged pair")
        raise InvalidRun(f"none of {judged} has an answer, so there is no win rate")
    scores |= dict.fromkeys(without_output, 0.0)
    means = item_means(scores, items)
    values = _percentages(means.values())
    labels = list(means) if clusters is None else [clusters[item] for item in means]
    answered = ~np.isnan(values)
    answered_labels = [label for label, is_answered in zip(labels, answered, strict=True) if is_answered]
    if not answered.any():
        raise InvalidRun("no example has an answer on each of its pairs, so there is no win rate")
    mean = stats.bounded_mean(values[answered], 0.0, 100.0, answered_labels)
    by_pair = _percentages(scores.values())
    return WinRate(
        estimate=mean.interval(),
        wins=int((by_pair > EVEN).sum()),
        ties=int((by_pair == EVEN).sum()),
        losses=int((by_pair < EVEN).sum()),
        missing=int(np.isnan(by_pair).sum()),
        p_value=mean.p_value(EVEN),
        claims=stats.margin_test(values - EVEN, labels, EVEN),
    )


def _percentages(values: Iterable[float | None]) -> stats.FloatArray:
    return np.array([np.nan if value is None else 100.0 * value for value in values])


def at_equal_length(adjusted: Estimate, rate: Estimate, lost: float) -> Estimate:
    """Bound a win rate that a linear fit has adjusted, and count the examples that the fit leaves out.

    A linear fit can leave the range from 0 to 100, and its interval ignores losses that happen not to be in
    the sample. So the result stays within the range, and its interval is never narrower than the plain one.

    Args:
        adjusted: The intercept of the fit, in percent.
        rate: The plain win rate, in percent.
        lost: The share of examples that the system has no output for, and therefore loses, in [0, 1].
    """
    paired = 1.0 - lost
    value, low, high = (paired * end for end in (adjusted.value, adjusted.ci_low, adjusted.ci_high))
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
    items: Mapping[str, str] | None = None,
) -> ResultRow:
    """Build the row `win_rate` of results.json.

    Args:
        verdicts: Verdicts of one judge, purpose, system and split; the row names them.
        labels: What else the row says about the system.
        clusters: As `win_rate` takes it.
        without_output: As `win_rate` takes it.
        items: As `win_rate` takes it.

    Raises:
        InvalidRun: No pair has an answer, or the verdicts are of several judges, purposes, systems,
            references or splits.
    """
    groups = {(v.judge, v.purpose, v.task, v.split, v.system, v.reference) for v in verdicts}
    if len(groups) != 1:
        raise InvalidRun(f"a win rate is of one judge, system and split, not of {sorted(groups)}")
    first = verdicts[0]
    rate = win_rate(verdicts, clusters, without_output, items)
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
