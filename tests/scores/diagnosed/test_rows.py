"""Rows of a diagnosis: what a mean is taken over, and which control stands beside it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from observations import observations

from gisteval import stats
from gisteval.records.schema import Estimate
from gisteval.scores.diagnosed.rows import Observed, interval, mean_row, with_control

VALUES = [0.0, *np.random.default_rng(3).gamma(2.0, 1.0, 39).tolist()]


def test_a_row_is_the_mean_of_the_values_that_are_known() -> None:
    group = observations("gist-1", VALUES)
    row = mean_row(group, "nll", lambda one: one.values["nll"] if int(one.content) < 30 else None, "there")
    expected = stats.mean_interval(VALUES[:30], [f"instruction {n // 2}" for n in range(30)])
    assert row is not None
    assert (row.value, row.ci_low, row.ci_high) == (expected.value, expected.ci_low, expected.ci_high)
    assert (row.n, row.clusters, row.where, row.reference) == (30, 15, "there", "pos")
    assert mean_row(group, "cosine") is None


def test_groups_are_of_one_system_split_and_setting() -> None:
    both = observations("a", [1.0, 2.0], "x") + observations("a", [3.0], "y")
    groups = Observed({"a": both, "b": observations("b", [4.0], "x")}, {}).groups()
    assert [[one.values["nll"] for one in group] for group in groups] == [[1.0, 2.0], [3.0], [4.0]]


def test_a_control_serves_only_with_all_examples_of_the_group() -> None:
    ours, control = observations("gist-1", [1.0, 2.0, 3.0]), observations("neg", [4.0, 8.0, 6.0])
    negatives = {"gist-1": "neg", "neg": "neg"}
    found = Observed({"gist-1": ours, "neg": control[::-1]}, negatives).control_of(ours)
    assert found == control, "in the order of the group"
    assert Observed({"gist-1": ours, "neg": control[:2]}, negatives).control_of(ours) is None
    elsewhere = observations("neg", [4.0, 8.0, 6.0], "reference")
    assert Observed({"gist-1": ours, "neg": elsewhere}, negatives).control_of(ours) is None
    assert Observed({"neg": control}, negatives).control_of(control) is None
    row = mean_row(ours, "nll")
    assert row is not None
    assert with_control(row, ours, None) == row
    beside = with_control(row, ours, found)
    assert (beside.control, beside.share) == (6.0, pytest.approx(100 * 6 / 18))


def test_an_end_that_is_infinite_is_not_written() -> None:
    known = Estimate(1.0, 0.5, 1.5, 9, 9, 0.95, "t-hall")
    assert interval(known) == "1.000 [0.500, 1.500]"
    assert interval(Estimate(1.0, 0.5, math.inf, 9, 9, 0.95, "none")) == "1.000"
