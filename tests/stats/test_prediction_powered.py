"""Means that labels correct: by hand, without bias, never wider than the labels alone."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gisteval.errors import InvalidRun
from gisteval.stats import percent_interval
from gisteval.stats.prediction_powered import (
    Corrected,
    corrected_mean,
    corrected_retention,
    rogan_gladen,
)

NAN = math.nan


def biased(generator: np.random.Generator, n: int, labelled: int) -> Corrected:
    """A judge that is right in 80% and else calls everything a win; people say a win in 40%."""
    truth = 100.0 * (generator.random(n) < 0.4)
    judge = np.where(generator.random(n) < 0.8, truth, 100.0)
    labels = np.full(n, NAN)
    chosen = generator.permutation(n)[:labelled]
    labels[chosen] = truth[chosen]
    return corrected_mean(judge, labels, range(n))


def test_the_estimate_by_hand() -> None:
    """The formula of PPI++ at the least-squares slope, in its form over all examples."""
    generator = np.random.default_rng(1)
    n = 60
    labels = np.full(n, NAN)
    labels[:20] = 50.0 * generator.integers(0, 3, 20)
    judge = np.clip(np.nan_to_num(labels, nan=50.0) + 25.0 * generator.integers(-1, 2, n), 0.0, 100.0)
    found = corrected_mean(judge, labels, range(n))
    slope = min(np.polyfit(judge[:20], labels[:20], 1)[0], 1.0)
    if found.weight:
        assert found.weight == pytest.approx(slope)
    by_hand = found.weight * judge.mean() + (labels[:20] - found.weight * judge[:20]).mean()
    assert found.estimate.value == pytest.approx(by_hand)
    assert found.bias == pytest.approx((judge[:20] - labels[:20]).mean())


def test_without_help_the_labels_stand_alone() -> None:
    labels = np.array([0.0, 100.0] * 30 + [NAN] * 40)
    useless = np.full(100, 100.0)
    found = corrected_mean(useless, labels, range(100))
    assert found.weight == 0.0 and found.estimate == found.labels_alone
    alone = percent_interval(labels[:60])
    assert found.estimate.value == alone.value
    # All pairs differ, so that nothing but the labels is left to chance.
    assert found.estimate.ci_high >= alone.ci_high - 1e-6


def test_a_biased_judge_is_corrected_and_the_interval_is_narrower() -> None:
    generator = np.random.default_rng(2)
    found = [biased(generator, 600, 100) for _ in range(60)]
    error = np.std([f.estimate.value for f in found]) / math.sqrt(len(found))
    assert np.mean([f.estimate.value for f in found]) == pytest.approx(40.0, abs=3.5 * error)
    assert np.mean([f.bias for f in found]) == pytest.approx(12.0, abs=1.5)
    widths, alone = (
        np.array([e.ci_high - e.ci_low for e in estimates])
        for estimates in ([f.estimate for f in found], [f.labels_alone for f in found])
    )
    assert (widths <= alone).all() and widths.mean() < 0.85 * alone.mean()
    assert sum(f.estimate.ci_low <= 40.0 <= f.estimate.ci_high for f in found) >= 54


def test_pairs_of_equal_outputs_are_known() -> None:
    labels = np.array([0.0] * 20 + [NAN] * 80)
    judge = np.array([0.0] * 50 + [50.0] * 50)
    certain = np.arange(100) >= 50
    found = corrected_mean(judge, labels, range(100), certain)
    assert found.estimate.value == pytest.approx(25.0)


def test_strata_are_weighted_by_their_sizes() -> None:
    labels = np.array([0.0] * 10 + [100.0] * 10 + [NAN] * 80)
    strata = ["a"] * 10 + ["b"] * 10 + ["b"] * 80
    found = corrected_mean(np.full(100, 50.0), labels, range(100), strata=strata)
    assert found.estimate.value == pytest.approx(90.0)
    with pytest.raises(InvalidRun, match="at least 2 of each"):
        corrected_mean(np.full(100, 50.0), labels, range(100), strata=["a"] * 10 + ["b"] * 89 + ["c"])


def test_retention_needs_controls_that_differ() -> None:
    alike = percent_interval([50.0, 40.0, 60.0, 45.0] * 10)
    below = percent_interval([0.0, 10.0, 20.0, 5.0] * 10)
    assert math.isinf(corrected_retention(below, alike, 50.0).ci_low)
    found = corrected_retention(alike, below, 50.0)
    assert found.value == pytest.approx(100.0 * (alike.value - below.value) / (50.0 - below.value))
    assert found.ci_low < found.value < found.ci_high


def test_rogan_gladen_by_hand() -> None:
    found = rogan_gladen(600, 1000, (90, 100), (80, 100))
    q, s, c = 601 / 1002, 91 / 102, 81 / 102
    assert found.value == pytest.approx(100.0 * (q + c - 1.0) / (s + c - 1.0))
    assert found.ci_low < found.value < found.ci_high
    guessing = rogan_gladen(500, 1000, (50, 100), (50, 100))
    assert (guessing.ci_low, guessing.ci_high) == (0.0, 100.0)
    with pytest.raises(InvalidRun):
        rogan_gladen(0, 0, (1, 1), (1, 1))
