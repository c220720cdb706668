"""The win rate at equal length against AlpacaEval's own definition, fitted by statsmodels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.optimize import minimize
from scipy.special import expit

from gisteval.judging.length_control import length_controlled
from gisteval.judging.pairs import PairScore
from gisteval.judging.protocol import Matchup
from gisteval.records.schema import Example


def sample(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    lengths = generator.normal(20.0, 60.0, n)
    chance = expit(-0.3 + 1.2 * np.tanh(lengths / lengths.std()))
    return np.where(generator.random(n) < 0.2, 0.5, generator.random(n) < chance), lengths


def judged(scores: np.ndarray, lengths: np.ndarray) -> tuple[Matchup, dict[str, PairScore]]:
    """Pairs of these scores, whose outputs differ by these lengths."""
    names = [f"p{place}" for place in range(300)]
    examples = {name: Example(name, "t", "s", f"do {name}", "", "ref") for name in names}
    ours = {name: "x" * (300 + round(length)) for name, length in zip(names, lengths, strict=True)}
    matchup = Matchup("t", "s", "gist", "pos", examples, ours, dict.fromkeys(names, "x" * 300))
    scored = {name: PairScore(float(v), {"ab": float(v)}) for name, v in zip(names, scores, strict=True)}
    return matchup, scored


def test_the_rate_at_equal_length() -> None:
    scores, lengths = sample(2)
    matchup, scored = judged(scores, lengths)
    found = length_controlled("j", matchup, scored)
    rounded = np.round(lengths)
    design = sm.add_constant(np.tanh(rounded / rounded.std(ddof=1)))
    theirs = sm.GLM(scores, design, family=sm.families.Binomial()).fit(tol=1e-12)
    assert found.win_rate.value == pytest.approx(100.0 * expit(theirs.params[0]), abs=1e-6)
    assert found.length_effect == pytest.approx(theirs.params[1], abs=1e-6)
    # Longer outputs win more often and the system's are longer, so the plain rate flatters it.
    assert found.win_rate.value < 100.0 * scores.mean()
    same = replace(matchup, theirs=matchup.ours)
    assert length_controlled("j", same, scored) is None


def test_it_is_what_alpacaeval_fits() -> None:
    """Written after its definition: each pair twice, as a loss and as a win, weighted with its score.

    Lengths are those of the baseline less the model's there, in units of pandas' standard deviation, and
    the rate is the mean of the predictions at no difference.
    """
    scores, lengths = sample(5)
    matchup, scored = judged(scores, lengths)
    difference = pd.Series([300.0 - len(text) for text in matchup.ours.values()])
    column = np.tanh(difference / difference.std()).to_numpy()
    outcome, weight = np.repeat([1.0, 0.0], 300), np.concatenate([scores, 1.0 - scores])
    twice = np.column_stack([np.tile(column, 2), np.ones(600)])

    def loss(weights: np.ndarray) -> float:
        chance = expit(twice @ weights)
        return -float((weight * np.where(outcome == 1.0, np.log(chance), np.log(1.0 - chance))).sum())

    fitted = minimize(loss, np.zeros(2), method="BFGS", options={"gtol": 1e-9})
    found = length_controlled("j", matchup, scored)
    assert found.win_rate.value == pytest.approx(100.0 * expit(fitted.x[1]), abs=1e-3)
    assert found.length_effect == pytest.approx(-fitted.x[0], abs=1e-4)


def test_a_fit_without_a_maximum_and_pairs_without_an_answer_are_left_out() -> None:
    names = [f"p{place}" for place in range(40)]
    examples = {name: Example(name, "t", "s", f"do {name}", "", "ref") for name in names}
    ours = {name: "x" * (1 + place % 7) for place, name in enumerate(names)}
    matchup = Matchup("t", "s", "gist", "pos", examples, ours, dict.fromkeys(names, "xxx"))
    wins = {name: PairScore(1.0, {"ab": 1.0}) for name in names}
    assert length_controlled("j", matchup, wins) is None
    mixed = {name: PairScore(float(place % 3 == 0), {}) for place, name in enumerate(names)}
    unanswered = {**mixed, names[0]: PairScore(None, {"ab": None})}
    found = length_controlled("j", matchup, unanswered)
    assert found.win_rate.n == 39
    del unanswered[names[0]]
    assert length_controlled("j", matchup, unanswered) == found
