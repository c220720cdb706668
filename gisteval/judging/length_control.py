"""The win rate at equal length, by the logistic model of AlpacaEval 2.

The model is logit P(win) = theta + phi * tanh(d / sd(d)), where d is the difference of the lengths in
characters and sd its standard deviation over the pairs. The length-controlled win rate is P at d = 0.
AlpacaEval adds how hard each instruction is, which it has estimated from the answers of many models to its
own 805 instructions. There is no such number for other instructions, so that term is left out, and so is
the penalty that it needs.

Source: Y. Dubois, B. Galambosi, P. Liang and T. B. Hashimoto, "Length-Controlled AlpacaEval: A Simple Way
to Debias Automatic Evaluators", arXiv 2404.04475, 2024.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.special import expit

from gisteval.judging.pairs import PairScore
from gisteval.judging.protocol import Matchup
from gisteval.records.judge_figures import Interval, LengthFigures
from gisteval.stats.logistic import logistic_fit


def length_controlled(
    judge: str, matchup: Matchup, scores: Mapping[str, PairScore]
) -> LengthFigures | None:
    """Fit the model to a judge's scores on a matchup.

    Args:
        judge: The judge's name.
        matchup: The systems that are compared.
        scores: The judge's score of each pair.

    Returns:
        The entry of results.json; None if the fit has no maximum, or all lengths differ by the same.
    """
    values = {pair: score.value for pair, score in scores.items() if score.value is not None}
    if len(values) < 2:
        return None
    lengths = np.array([len(matchup.ours[pair]) - len(matchup.theirs[pair]) for pair in values], float)
    spread = float(lengths.std(ddof=1))
    if spread == 0.0:
        return None
    clusters = [matchup.instructions[pair] for pair in values]
    fit = logistic_fit(list(values.values()), [np.tanh(lengths / spread)], clusters)
    if fit is None:
        return None
    rate, low, high = (100.0 * float(expit(end)) for end in (fit.coefficients[0], fit.low, fit.high))
    bounded = np.isfinite(fit.low)
    return LengthFigures(
        judge=judge,
        task=matchup.task,
        split=matchup.split,
        system=matchup.system,
        reference=matchup.reference,
        win_rate=Interval(rate, low if bounded else None, high if bounded else None, len(values)),
        length_effect=float(fit.coefficients[1]),
    )
