"""Two one-sided tests against the margin."""

from __future__ import annotations

import numpy as np
import pytest

from gisteval.stats.bounded import bounded_mean
from gisteval.stats.margin import MARGIN, margin_test

LABELS = list(range(60))


def test_both_tests_are_those_of_the_bounded_mean() -> None:
    differences = np.linspace(-30, 20, 60)
    mean = bounded_mean(differences, -100.0, 100.0, LABELS)
    found = margin_test(differences, LABELS, 100.0)
    assert (found.within, found.worse) == (mean.p_at_most(-MARGIN), mean.p_at_least(0.0))


@pytest.mark.parametrize(
    ("value", "within", "worse"), [(0.0, True, False), (-50.0, False, True), (10.0, True, False)]
)
def test_clear_cases(value: float, within: bool, worse: bool) -> None:
    found = margin_test(np.full(400, value), list(range(400)), 100.0)
    assert (found.within < 0.05, found.worse < 0.05) == (within, worse)


def test_an_unknown_difference_helps_no_claim() -> None:
    known = np.concatenate([np.full(58, -1.0), [0.0, 0.0]])
    unknown = np.concatenate([np.full(58, -1.0), [np.nan, np.nan]])
    before, after = (margin_test(values, LABELS, 100.0) for values in (known, unknown))
    assert after.within > before.within and after.worse > before.worse
