"""The test by betting: exact small cases, and its error under constant peeking."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gisteval.stats.sequential import SHARES, bets

LIMIT = math.log(20.0)


def test_ties_pass_when_the_mean_of_the_bets_has_reached_twenty() -> None:
    needed = next(t for t in range(1, 500) if np.mean((1.0 + SHARES * 5.0 / 95.0) ** t) >= 20.0)
    evidence = bets(np.zeros(needed), -100.0, 100.0).evidence_above(-5.0)
    assert evidence[-2] < LIMIT <= evidence[-1]


def test_the_money_is_that_of_a_predictable_bet() -> None:
    """Second path: the stake before each example is the average of the bets, weighted with their money."""
    generator = np.random.default_rng(3)
    values = generator.choice([-100.0, -50.0, 0.0, 50.0, 100.0], 200)
    gains, money, total = (values + 5.0) / 95.0, np.ones(SHARES.size), []
    for gain in gains:
        stake = float(money @ SHARES / money.sum())
        total.append((total[-1] if total else 1.0) * (1.0 + stake * gain))
        money *= 1.0 + SHARES * gain
    np.testing.assert_allclose(np.exp(bets(values, -100.0, 100.0).evidence_above(-5.0)), total, rtol=1e-9)


def test_the_interval_and_the_p_values_agree_and_mirror() -> None:
    generator = np.random.default_rng(4)
    values = generator.choice([-100.0, 0.0, 0.0, 100.0], 300)
    game = bets(values, -100.0, 100.0)
    found = game.interval(0.9)
    assert game.p_at_most(found.ci_low) == pytest.approx(0.05, rel=1e-3)
    assert game.p_at_least(found.ci_high) == pytest.approx(0.05, rel=1e-3)
    turned = bets(-values, -100.0, 100.0).interval(0.9)
    assert (turned.ci_low, turned.ci_high) == pytest.approx((-found.ci_high, -found.ci_low), abs=1e-4)
    assert bets([100.0] * 50, -100.0, 100.0).interval().ci_high == 100.0


def test_an_instruction_bets_once_with_all_its_examples() -> None:
    values, labels = [10.0, -10.0, 4.0, 6.0, -2.0], ["b", "b", "a", "c", "c"]
    game = bets(values, -100.0, 100.0, labels, order=["a", "b", "c"], largest=4)
    np.testing.assert_array_equal(game.sums, [4.0, 0.0, 4.0])
    np.testing.assert_array_equal(game.sizes, [1.0, 2.0, 2.0])
    assert (game.largest, game.value) == (4.0, pytest.approx(8.0 / 5.0))


def passes(values: np.ndarray) -> np.ndarray:
    """Whether each stream passes a margin of 5 at any look; shape of values: (streams, looks)."""
    return np.array([bets(row, -100.0, 100.0).evidence_above(-5.0).max() >= LIMIT for row in values])


@pytest.mark.parametrize("rare", [0.05, 0.5])
def test_constant_peeking_is_wrong_in_at_most_5_percent(rare: float) -> None:
    """Streams whose mean lies on the margin: few large losses or many small ones."""
    generator = np.random.default_rng(5)
    streams = np.where(generator.random((1000, 400)) < rare, -5.0 / rare, 0.0)
    assert passes(streams).mean() <= 0.05 + 3.0 * math.sqrt(0.05 * 0.95 / 1000)
    assert passes(np.zeros((1, 400))).all()


def test_the_sequence_covers_at_all_looks_together() -> None:
    generator = np.random.default_rng(6)
    missed = 0
    for _ in range(300):
        game = bets(generator.choice([-100.0, 0.0, 0.0, 100.0], 200, p=[0.3, 0.2, 0.3, 0.2]), -100.0, 100.0)
        missed += game.p_at_most(-10.0) <= 0.05 or game.p_at_least(-10.0) <= 0.05
    assert missed / 300 <= 0.1 + 3.0 * math.sqrt(0.1 * 0.9 / 300)
