"""Fieller's set: its shapes, by its definition, and where the bootstrap fails."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats as scipy_stats

from gisteval.stats.fieller import bootstrap_ratio, fieller_set
from gisteval.stats.ratio import ratio_of_means


def rejected(above: np.ndarray, below: np.ndarray, ratio: float) -> bool:
    """The definition: a t test of above - ratio * below."""
    return float(scipy_stats.ttest_1samp(above - ratio * below, 0.0).pvalue) < 0.05


@pytest.mark.parametrize(("gap", "shape"), [(10.0, "bounded"), (1.2, "outside"), (0.0, "everything")])
def test_the_set_is_what_the_t_test_keeps(gap: float, shape: str) -> None:
    generator = np.random.default_rng(7)
    below = generator.normal(0.0, 8.0, 80)
    below += gap - below.mean()
    above = generator.normal(0.0, 8.0, 80)
    above += (0.8 * gap if shape == "bounded" else 3.0 * (shape == "outside")) - above.mean()
    found = fieller_set(above, below)
    assert found.shape == shape
    for ratio in (-50.0, -3.0, -0.5, 0.0, 0.3, 0.8, 1.0, 2.0, 50.0):
        assert found.holds(ratio) != rejected(above, below, ratio)
    assert ("can't be told apart" in found.words()) == (shape != "bounded")


def test_a_clear_ratio_has_the_interval_of_test_inversion() -> None:
    generator = np.random.default_rng(8)
    below = generator.normal(20.0, 4.0, 400)
    above = 0.8 * below + generator.normal(0.0, 3.0, 400)
    found, known = fieller_set(above, below), ratio_of_means(above, below)
    assert (found.low, found.high) == pytest.approx((known.ci_low, known.ci_high), abs=2e-3)
    assert bootstrap_ratio(above, below) == pytest.approx((found.low, found.high), abs=5e-3)


def test_one_instruction_says_nothing() -> None:
    found = fieller_set([1.0, 2.0], [1.0, 1.0], ["a", "a"])
    assert found.shape == "everything" and math.isinf(found.low) and found.holds(1e9)


def test_with_few_instructions_fieller_covers_and_the_bootstrap_does_not() -> None:
    generator = np.random.default_rng(9)
    fieller = bootstrap = 0
    for draw in range(200):
        below = generator.normal(20.0, 10.0, 8)
        above = 0.8 * below + generator.normal(0.0, 10.0, 8)
        fieller += fieller_set(above, below).holds(0.8)
        low, high = bootstrap_ratio(above, below, draws=400, seed=draw)
        bootstrap += low <= 0.8 <= high
    assert fieller >= 180 > bootstrap
