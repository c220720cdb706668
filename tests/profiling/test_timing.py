"""Medians with intervals, and clocks."""

from __future__ import annotations

import time

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from gisteval.profiling.timing import Stopwatch, median_interval, sign_test

CPU = torch.device("cpu")


@given(st.integers(1, 400))
def test_ranks_are_the_binomial_ones(n):
    """Against scipy: the tightest symmetric order statistics with 95% coverage."""
    found = median_interval([float(i) for i in range(n, 0, -1)])
    if n < 3:
        assert (found.low, found.high, found.confidence, found.proven) == (None, None, 0.0, None)
        return
    rank = int(found.low)
    assert found.high == n + 1 - rank
    assert found.confidence == pytest.approx(max(0.0, 1 - 2 * binom.cdf(rank - 1, n, 0.5)), abs=1e-9)
    assert found.proven == ((found.low, found.high) if n >= 6 else None)
    if n >= 6:
        assert found.confidence >= 0.95
        assert rank >= n // 2 or 1 - 2 * binom.cdf(rank, n, 0.5) < 0.95  # one further in is too narrow
    else:
        assert (found.low, found.high) == (1, n)


@given(st.lists(st.integers(-3, 3), max_size=60))
def test_the_sign_test_is_scipys(values):
    above, below = sum(v > 0 for v in values), sum(v < 0 for v in values)
    expected = binomtest(above, above + below).pvalue if above + below else 1.0
    assert sign_test(values) == pytest.approx(expected)


@given(st.lists(st.floats(-1, 1).filter(lambda value: value != 0), min_size=6, max_size=60, unique=True))
def test_the_sign_test_rejects_exactly_where_the_interval_leaves_0_out(values):
    low, high = median_interval(values).proven
    assert (sign_test(values) <= 0.05) == (low > 0 or high < 0)


def test_median_of_even_and_odd_numbers_of_values():
    assert median_interval([3.0, 1.0, 2.0]).median == 2.0
    assert median_interval([4.0, 1.0, 2.0, 3.0]).median == 2.5
    with pytest.raises(ValueError, match="at least one"):
        median_interval([])


@pytest.mark.parametrize("values", [[2.0], [2.0, 3.0], [2.0] * 50])
def test_no_interval_has_width_zero(values):
    """One pass, or a clock too coarse to tell passes apart, is no certainty."""
    found = median_interval(values)
    assert found.median == sum(values) / len(values)
    assert (found.low, found.high, found.proven) == (None, None, None)
    assert found.relative_half_width == float("inf")


def test_stopwatch_gives_the_spans_between_marks():
    watch = Stopwatch(CPU)
    watch.mark()
    time.sleep(0.02)
    watch.mark()
    watch.mark()
    long, short = watch.seconds()
    assert long >= 0.02 > short >= 0
