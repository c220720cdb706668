"""Comparisons of two systems on one metric."""

from __future__ import annotations

import numpy as np
import pytest

from gisteval.metrics import metric
from gisteval.scores.comparison import difference_p_value, mean_of, paired_difference
from gisteval.stats import mean_interval, percent_interval

VALUES = np.array([0.0, 50.0, 100.0, 100.0, 25.0, 75.0] * 3)
CLUSTERS = [str(i) for i in range(VALUES.size)]


def test_an_unknown_value_leaves_its_example_out() -> None:
    theirs = np.where(np.arange(VALUES.size) % 3 == 0, np.nan, 25.0)
    known = ~np.isnan(theirs)
    paired = paired_difference(metric("rougeL"), VALUES, theirs, CLUSTERS)
    assert paired is not None
    assert (paired.estimate.n, paired.estimate.value) == (12, pytest.approx((VALUES[known] - 25.0).mean()))
    assert paired_difference(metric("rougeL"), VALUES, np.full(VALUES.size, np.nan), CLUSTERS) is None


@pytest.mark.parametrize("name", ["rougeL", "nll"])
def test_the_quick_p_value_is_that_of_the_interval(name: str) -> None:
    theirs = VALUES[::-1] * 0.8
    paired = paired_difference(metric(name), VALUES, theirs, CLUSTERS)
    assert paired is not None
    assert difference_p_value(metric(name), VALUES - theirs, CLUSTERS) == pytest.approx(paired.p_value)


def test_the_range_of_a_metric_chooses_its_interval() -> None:
    assert mean_of(metric("rougeL"), VALUES, CLUSTERS, 0.9) == percent_interval(VALUES, CLUSTERS, 0.9)
    loss = mean_of(metric("nll"), VALUES, None, 0.9)
    plain = mean_interval(VALUES, None, 0.9)
    assert (loss.ci_low, loss.ci_high) == (max(plain.ci_low, 0.0), plain.ci_high)
