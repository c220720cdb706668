"""Each check against the figures that guessing really gives, and its three outcomes."""

from __future__ import annotations

import random

import pytest

from gisteval.judging.checks import USABLE_AGREEMENT, consistency_checks
from gisteval.judging.evidence import Evidence
from gisteval.records.judge_figures import Check


def guessing(q: float, pairs: int, seed: int) -> Evidence:
    """A judge that looks at the position alone, and names the first shown with probability q."""
    draw, evidence = random.Random(seed), Evidence()
    for pair in range(pairs):
        first = [draw.random() < q for _ in range(4)]
        # In the other order the same position is the other output; a repeat keeps the order.
        evidence.both_orders.add(first[0] != first[1], first[:2], pair, negative=False)
        evidence.repeats.add(first[2] == first[3], first[2:], pair, negative=False)
        evidence.decided.add(1.0, pair)
    return evidence


def by_rule(evidence: Evidence) -> dict[str, Check]:
    return {check.rule: check for check in consistency_checks(evidence, is_sensitive=True)}


@pytest.mark.parametrize("q", [0.3, 0.5, 0.8])
def test_guessing_agrees_as_often_as_the_check_says(q: float) -> None:
    checks = by_rule(guessing(q, 4000, 0))
    for rule in ("other order", "itself"):
        check = checks[rule]
        assert check.value == pytest.approx(check.guess, abs=3.0)
        assert check.state == "fails"
    assert checks["other order"].guess == pytest.approx(200 * q * (1 - q), abs=2.0)
    assert checks["itself"].guess == pytest.approx(100 - 200 * q * (1 - q), abs=2.0)


def answers(same: int, pairs: int) -> Evidence:
    """Two orders that agree on some pairs, and give each position half of the wins."""
    evidence = Evidence()
    for pair in range(pairs):
        agrees = pair < same
        first_shown = [True, False] if agrees else [pair % 2 == 0] * 2
        evidence.both_orders.add(agrees, first_shown, pair, negative=False)
    return evidence


@pytest.mark.parametrize(("same", "state"), [(190, "holds"), (100, "fails"), (60, "fails")])
def test_outcomes_of_many_pairs(same: int, state: str) -> None:
    check = by_rule(answers(same, 200))["other order"]
    assert (check.state, check.n, check.guess) == (state, 200, pytest.approx(50.0))
    usable = 50.0 + USABLE_AGREEMENT * 50.0
    assert (check.ci_low > 50.0) if state == "holds" else (check.ci_low <= 50.0 and check.ci_high < usable)


def test_few_pairs_tell_nothing() -> None:
    assert by_rule(answers(4, 6))["other order"].state == "too few"


def test_the_more_favourable_scope_counts() -> None:
    evidence = answers(100, 200)
    for pair in range(100):
        evidence.both_orders.add(True, [True, False], f"neg {pair}", negative=True)
    check = by_rule(evidence)["other order"]
    assert (check.state, check.n) == ("holds", 100)


def test_agreement_that_guessing_would_give_anyway_shows_nothing() -> None:
    assert "itself" not in by_rule(guessing(0.99, 500, 0))
