"""Paired comparisons against scipy, statsmodels and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import permutation_test, ttest_rel
from statsmodels.stats.multitest import multipletests

from gisteval.errors import InvalidRun
from gisteval.stats import bounded_mean, holm, mean_interval, paired_difference


def test_symmetric_differences_have_the_t_test_of_scipy() -> None:
    generator = np.random.default_rng(0)
    half = generator.normal(0.0, 1.0, size=30)
    baseline = generator.normal(size=60)
    candidate = baseline + 0.3 + np.concatenate([half, -half])
    expected = ttest_rel(candidate, baseline)
    result = paired_difference(candidate, baseline, confidence=0.9)
    interval = expected.confidence_interval(0.9)
    assert result.p_value == pytest.approx(float(expected.pvalue))
    assert result.estimate.value == pytest.approx(float(np.mean(candidate - baseline)))
    assert (result.estimate.ci_low, result.estimate.ci_high) == pytest.approx((interval.low, interval.high))


@pytest.mark.parametrize("span", [None, 100.0])
def test_the_interval_is_that_of_the_differences(span: float | None) -> None:
    generator = np.random.default_rng(1)
    labels = generator.integers(0, 15, size=70).tolist()
    candidate, baseline = generator.uniform(0.0, 100.0, size=(2, 70))
    result = paired_difference(candidate, baseline, clusters=labels, span=span)
    if span is None:
        assert result.estimate == mean_interval(candidate - baseline, labels)
        return
    mean = bounded_mean(candidate - baseline, -100.0, 100.0, labels)
    assert (result.estimate, result.p_value) == (mean.interval(), mean.p_value(0.0))
    with pytest.raises(InvalidRun, match="leave -5 to 5"):
        paired_difference(candidate, baseline, span=5.0)


@pytest.mark.parametrize("size", [9, 40])
def test_sign_flip_test_agrees_with_scipy(size: int) -> None:
    differences = np.random.default_rng(2).normal(0.3, 1.0, size=size)
    expected = permutation_test(
        (differences, np.zeros(size)),
        lambda first, second, axis: np.mean(first - second, axis=axis),
        permutation_type="samples",
        vectorized=True,
        n_resamples=20_000,
        rng=np.random.default_rng(3),
    )
    result = paired_difference(differences, np.zeros(size), permutations=20_000)
    # Nine differences are enumerated by both, so then they agree exactly.
    assert result.p_value_permutation == pytest.approx(
        float(expected.pvalue), abs=1e-12 if size == 9 else 0.015
    )


def test_clusters_flip_together() -> None:
    # Two clusters, both in favour: of the four patterns of signs two are as extreme.
    result = paired_difference([3.0, 2.0, 4.0, 1.0], [0.0] * 4, clusters=["a", "a", "b", "b"])
    assert result.p_value_permutation == 0.5


def test_wins_ties_and_losses() -> None:
    result = paired_difference([1.0, 0.5, 0.0, 1.0], [0.0, 0.5, 1.0, 0.5])
    assert (result.wins, result.ties, result.losses) == (2, 1, 1)


@pytest.mark.parametrize("span", [None, 100.0])
@pytest.mark.parametrize("size", [1, 5, 50])
def test_equal_systems_do_not_differ_and_are_not_shown_to_be_equal(size: int, span: float | None) -> None:
    result = paired_difference([3.0] * size, [3.0] * size, span=span)
    assert (result.p_value, result.p_value_permutation) == (1.0, 1.0)
    assert result.ties == size
    assert result.estimate.ci_low < -5.0 and result.estimate.ci_high > 5.0


def test_a_constant_difference_is_not_certain() -> None:
    result = paired_difference([3.0, 4.0, 5.0], [2.0, 3.0, 4.0])
    assert (result.p_value, result.p_value_permutation) == (1.0, 0.25)
    lost = paired_difference([0.0] * 10, [100.0] * 10, span=100.0)
    assert lost.estimate.ci_low == -100.0
    # Ten of ten lost: at most a share of 1 - 0.025 ** (1 / 10) could be wins.
    assert lost.estimate.ci_high == pytest.approx(100.0 - 200.0 * 0.025**0.1, abs=0.5)
    assert lost.p_value == pytest.approx(2.0 * 0.5**10, rel=0.05)


def test_one_cluster_shows_nothing() -> None:
    for span in (None, 100.0):
        result = paired_difference([3.0, 4.0], [1.0, 0.0], clusters=["a", "a"], span=span)
        assert (result.p_value, result.p_value_permutation) == (1.0, 1.0)


def test_different_examples_are_refused() -> None:
    with pytest.raises(InvalidRun, match="candidate 3, baseline 2 values"):
        paired_difference([1.0, 2.0, 3.0], [1.0, 2.0])


@given(
    pairs=st.lists(st.tuples(st.integers(-50, 50), st.integers(-50, 50), st.integers(0, 20)), min_size=1),
    data=st.data(),
)
def test_changing_sides_or_order_changes_no_p_value(
    pairs: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(pairs))
    first, second, labels = (list(column) for column in zip(*pairs, strict=True))
    forward = paired_difference(first, second, labels, permutations=99)
    first, second, labels = (list(column) for column in zip(*shuffled, strict=True))
    backward = paired_difference(second, first, labels, permutations=99)
    assert backward.estimate.value == pytest.approx(-forward.estimate.value)
    assert backward.p_value == pytest.approx(forward.p_value, abs=1e-9)
    assert backward.p_value_permutation == forward.p_value_permutation
    assert (backward.wins, backward.ties, backward.losses) == (
        forward.losses,
        forward.ties,
        forward.wins,
    )


def test_false_alarms_are_as_frequent_as_promised() -> None:
    generator = np.random.default_rng(4)
    labels = np.repeat(np.arange(30), 3)
    alarms = np.zeros(4)
    for seed in range(500):
        # Win rates with ties: values of 0, 50 and 100, alike within an instruction.
        effect = generator.normal(size=30)[labels]
        candidate = 50.0 * np.clip(np.round(1.0 + effect + generator.normal(size=90)), 0, 2)
        baseline = np.full(90, 50.0)
        clustered = paired_difference(candidate, baseline, labels.tolist(), permutations=499, seed=seed)
        alarms += (
            clustered.p_value <= 0.05,
            clustered.p_value_permutation <= 0.05,
            paired_difference(candidate, baseline, labels.tolist(), span=100.0, permutations=1).p_value
            <= 0.05,
            paired_difference(candidate, baseline, permutations=1).p_value <= 0.05,
        )
    assert 0.02 <= alarms[0] / 500 <= 0.07
    assert 0.02 <= alarms[1] / 500 <= 0.07
    assert alarms[2] / 500 <= 0.05
    assert alarms[3] / 500 > 0.1


@pytest.mark.parametrize(
    "p_values",
    [
        [0.04],
        [0.01, 0.04, 0.03, 0.005],
        [0.02, 0.02, 0.5, 1.0, 0.0],
        [0.6, 0.5, 0.4],
        np.random.default_rng(5).beta(0.3, 1.0, size=40).tolist(),
    ],
)
def test_holm_equals_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())


def test_holm_of_nothing_and_of_no_p_values() -> None:
    assert holm([]) == []
    with pytest.raises(ValueError, match="between 0 and 1"):
        holm([0.5, float("nan")])


@pytest.mark.parametrize("ties", [0.0, 0.3, 0.6, 0.9])
@pytest.mark.parametrize("n", [252, 1000])
def test_the_interval_covers_differences_of_win_rates(n: int, ties: float) -> None:
    """Two judged systems, equal in a share of the pairs, the candidate two points worse in the mean."""
    generator = np.random.default_rng(6)
    values = np.array([-100.0, -50.0, 0.0, 50.0, 100.0])
    moved = np.array([0.2, 0.3, 0.0, 0.3, 0.2])
    shift = 2.0 / ((1.0 - ties) * 100.0)  # from a whole win to a whole loss
    chances = (1.0 - ties) * (moved + shift / 2.0 * np.array([1.0, 0.0, 0.0, 0.0, -1.0]))
    chances[2] += ties
    truth = float(values @ chances)
    assert truth == pytest.approx(-2.0)
    samples = generator.choice(values, size=(500, n), p=chances)
    zero = np.zeros(n)
    covered = 0
    for sample in samples:
        estimate = paired_difference(sample, zero, span=100.0, permutations=1).estimate
        covered += estimate.ci_low <= truth <= estimate.ci_high
    assert 0.93 <= covered / 500 <= 0.99
