"""The logistic fit against statsmodels."""

from __future__ import annotations

import math

import numpy as np
import pytest
import statsmodels.api as sm
from scipy.special import expit

from gisteval.stats.logistic import logistic_fit


def sample(seed: int, n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    lengths = generator.normal(20.0, 60.0, n)
    chance = expit(-0.3 + 1.2 * np.tanh(lengths / lengths.std()))
    return np.where(generator.random(n) < 0.2, 0.5, generator.random(n) < chance), lengths


def test_the_fit_and_its_errors_as_statsmodels_has_them() -> None:
    scores, lengths = sample(1)
    column, groups = np.tanh(lengths / lengths.std()), np.arange(300) // 3
    found = logistic_fit(scores, [column], groups.tolist())
    design = sm.add_constant(column)
    model = sm.GLM(scores, design, family=sm.families.Binomial())
    theirs = model.fit(cov_type="cluster", cov_kwds={"groups": groups, "use_correction": False}, tol=1e-12)
    np.testing.assert_allclose(found.coefficients, theirs.params, atol=1e-8)
    half = (found.high - found.low) / 2.0
    from scipy.stats import t

    assert half == pytest.approx(t.ppf(0.975, 99) * theirs.bse[0] * math.sqrt(100 / 99), rel=1e-6)


def test_wins_alone_have_no_fit() -> None:
    assert logistic_fit([1.0] * 30, [np.arange(30.0)]) is None
    few = logistic_fit([1.0, 0.0] * 4, [np.arange(8.0)])
    assert few is not None and math.isinf(few.low)
