"""Corrections for many comparisons, and the best of many where it was not chosen."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import false_discovery_control

from gisteval.errors import InvalidRun
from gisteval.stats import benjamini_hochberg, holm
from gisteval.stats.selection import best_of


def test_benjamini_and_hochberg_as_scipy_has_it() -> None:
    p_values = np.random.default_rng(1).uniform(0.0, 0.2, 30).tolist()
    assert benjamini_hochberg(p_values) == pytest.approx(false_discovery_control(p_values).tolist())
    assert all(
        one <= other for one, other in zip(benjamini_hochberg(p_values), holm(p_values), strict=True)
    )
    with pytest.raises(ValueError, match="between 0 and 1"):
        benjamini_hochberg([1.5])


def test_luck_is_taken_off_the_best_of_equals() -> None:
    generator = np.random.default_rng(2)
    quoted, honest = [], []
    for _ in range(40):
        found = best_of({f"s{k}": generator.normal(50.0, 20.0, 60) for k in range(12)})
        quoted.append(found.quoted)
        honest.append(found.honest)
    assert np.mean(quoted) > 53.0
    assert np.mean(honest) == pytest.approx(50.0, abs=1.0)


def test_a_clear_winner_keeps_its_score() -> None:
    generator = np.random.default_rng(3)
    columns = {"good": generator.normal(80.0, 5.0, 60), "poor": generator.normal(20.0, 5.0, 60)}
    found = best_of(columns, [i // 2 for i in range(60)])
    assert found.name == "good" and found.stable == 100.0
    assert found.honest == pytest.approx(found.quoted, abs=1e-9)
    assert best_of(columns, sign=-1.0).name == "poor"
    with pytest.raises(InvalidRun, match="at least 2"):
        best_of({"good": columns["good"]})
