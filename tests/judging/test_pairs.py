"""Scores of pairs from verdicts."""

from __future__ import annotations

import pytest

from gisteval.judging.pairs import item_means, pair_scores
from gisteval.records.schema import Verdict


def verdict(pair: str, order: str, choice: str) -> Verdict:
    return Verdict("", pair, "t", "s", "a", "b", "j", "main", order, choice, "reply")


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [("a", "a", 1.0), ("a", "b", 0.5), ("tie", "b", 0.25), ("a", "error", None), ("invalid", "b", None)],
)
def test_a_pair_scores_the_mean_of_its_orders(first: str, second: str, value: float | None) -> None:
    scores = pair_scores([verdict("p", "ab", first), verdict("p", "ba", second)])
    assert scores["p"].value == value


def test_the_last_verdict_on_a_comparison_counts() -> None:
    scores = pair_scores([verdict("p", "ab", "error"), verdict("q", "ab", "b"), verdict("p", "ab", "a")])
    assert {pair: score.value for pair, score in scores.items()} == {"p": 1.0, "q": 0.0}


def test_an_example_has_the_mean_of_its_pairs() -> None:
    values = {"p": 1.0, "p2": 0.0, "q": 0.5, "r": 1.0, "r2": None}
    items = {"p": "p", "p2": "p", "q": "q", "r": "r", "r2": "r"}
    assert item_means(values, items) == {"p": 0.5, "q": 0.5, "r": None}
    assert item_means(values, None) == values
