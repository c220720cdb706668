"""Checks of samples, and sums over clusters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from gisteval.errors import InvalidRun
from gisteval.stats.samples import check_confidence, check_same_length, check_values, cluster_sums

ROWS = some.lists(some.tuples(some.floats(-1e6, 1e6), some.sampled_from("abc")), min_size=1, max_size=9)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "no values"),
        ([[1.0]], r"got shape \(1, 1\)"),
        ([1.0, float("nan"), float("inf")], "2 of 3 values"),
    ],
)
def test_values_that_can_not_be_used_are_named(values: list[float], message: str) -> None:
    with pytest.raises(InvalidRun, match=f"scores: .*{message}"):
        check_values(values, "scores")


def test_samples_of_other_lengths_are_not_paired() -> None:
    check_same_length(a=np.ones(2), b=np.zeros(2))
    with pytest.raises(InvalidRun, match="got a 2, b 3 values"):
        check_same_length(a=np.ones(2), b=np.ones(3))


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_is_a_share(confidence: float) -> None:
    with pytest.raises(ValueError, match="share between 0 and 1"):
        check_confidence(confidence)


@given(ROWS, some.randoms(use_true_random=False))
def test_sums_are_those_of_a_loop_and_order_changes_no_bit(rows, draw) -> None:
    def sums(pairs) -> np.ndarray:
        values, labels = zip(*pairs, strict=True)
        return cluster_sums([np.array(values), np.ones(len(values))], labels)

    found = sums(rows)
    totals = {label: [v for v, other in rows if other == label] for _, label in rows}
    expected = sorted((sum(values), len(values)) for values in totals.values())
    assert np.allclose(sorted(map(tuple, found)), expected, atol=1e-4)
    mixed = list(rows)
    draw.shuffle(mixed)
    assert np.array_equal(sums(mixed), found)


def test_a_label_is_needed_for_each_value() -> None:
    with pytest.raises(InvalidRun, match="1 cluster labels for 2 values"):
        cluster_sums([np.ones(2)], ["a"])
