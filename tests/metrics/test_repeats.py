"""pass@k and pass^k against all subsets, and without bias."""

from __future__ import annotations

from itertools import combinations
from math import comb

import pytest

from gisteval.errors import GistevalError
from gisteval.metrics import metric
from gisteval.metrics.repeats import ALL, ANY, RepeatMetric, repeat_metrics, split_name
from gisteval.metrics.text import ExactMatch

BASE = ExactMatch()


@pytest.mark.parametrize("n", range(1, 7))
def test_it_is_the_share_of_all_subsets(n: int) -> None:
    for right in range(n + 1):
        values = [100.0] * right + [0.0] * (n - right)
        for k in range(1, n + 1):
            subsets = list(combinations(values, k))
            for kind, holds in ((ANY, any), (ALL, all)):
                share = 100.0 * sum(holds(subset) for subset in subsets) / len(subsets)
                assert RepeatMetric(BASE, kind, k).estimate(values) == pytest.approx(share)
    assert RepeatMetric(BASE, ANY, n + 1).estimate([100.0] * n) is None


@pytest.mark.parametrize(("kind", "truth"), [(ANY, 100 * (1 - 0.7**3)), (ALL, 100 * 0.3**3)])
def test_it_has_no_bias(kind: str, truth: float) -> None:
    """The exact expectation over 8 answers that are right with a chance of 30%."""
    repeat = RepeatMetric(BASE, kind, 3)
    mean = sum(
        comb(8, right)
        * 0.3**right
        * 0.7 ** (8 - right)
        * repeat.estimate([100.0] * right + [0.0] * (8 - right))
        for right in range(9)
    )
    assert mean == pytest.approx(truth)


def test_names() -> None:
    assert split_name("exact_match.pass@5") == ("exact_match", ANY, 5)
    assert split_name("exact_match.pass^12") == ("exact_match", ALL, 12)
    assert split_name("exact_match") is split_name("exact_match.pass@0") is None
    assert metric("exact_match.pass@5").title == "exact match, pass@5"
    with pytest.raises(GistevalError, match="rougeL doesn't say whether an output is right"):
        metric("rougeL.pass@2")


def test_k_doubles_up_to_the_number_of_answers() -> None:
    names = [repeat.name for repeat in repeat_metrics([metric("rougeL"), BASE], 6)]
    assert names == [f"exact_match.{kind}{k}" for kind in (ANY, ALL) for k in (2, 4, 6)]
    assert list(repeat_metrics([BASE], None)) == list(repeat_metrics([BASE], 1)) == []
