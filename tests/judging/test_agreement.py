"""Kappa and alpha against statsmodels and published values."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.inter_rater import cohens_kappa, to_table

from gisteval.judging.agreement import cohen_kappa, krippendorff_alpha

CHOICES = st.lists(st.tuples(st.sampled_from("abt"), st.sampled_from("abt")), min_size=2, max_size=40)

# K. Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011), section C: four observers, twelve
# units, gaps; alpha of nominal data is 0.743.
OBSERVERS = (
    "1 2 3 3 2 1 4 1 2 . . .",
    "1 2 3 3 2 2 4 1 2 5 . 3",
    ". 3 3 3 2 3 4 2 2 5 1 .",
    "1 2 3 3 2 4 4 1 2 5 1 .",
)


def test_alpha_of_the_published_example() -> None:
    judges = [
        {str(unit): value for unit, value in enumerate(line.split()) if value != "."} for line in OBSERVERS
    ]
    assert krippendorff_alpha(judges) == pytest.approx(0.743, abs=5e-4)


@given(CHOICES)
def test_kappa_is_that_of_statsmodels(answers: list[tuple[str, str]]) -> None:
    first, second = ({str(n): pair[side] for n, pair in enumerate(answers)} for side in (0, 1))
    result = cohen_kappa(first, second)
    assert result is not None and result.n == len(answers)
    codes = [["abt".index(choice) for choice in pair] for pair in answers]
    other = float(cohens_kappa(to_table(codes, 3)[0]).kappa)
    if result.kappa is None:
        assert math.isnan(other)
    else:
        assert result.kappa == pytest.approx(other, abs=1e-9)


def test_only_shared_pairs_count() -> None:
    result = cohen_kappa({"1": "a", "2": "b", "3": "a"}, {"2": "b", "3": "b", "4": "a"})
    assert result is not None and (result.n, result.agreement) == (2, 50.0)
    assert cohen_kappa({"1": "a"}, {"2": "a"}) is None
    assert krippendorff_alpha([{"1": "a"}, {"2": "a"}]) is None
    assert krippendorff_alpha([{"1": "a"}, {"1": "a"}]) is None


@given(CHOICES)
def test_equal_judges_agree_perfectly(answers: list[tuple[str, str]]) -> None:
    one = {str(n): pair[0] for n, pair in enumerate(answers)}
    assert krippendorff_alpha([one, one, one]) in (None, pytest.approx(1.0))
    assert cohen_kappa(one, one).agreement == 100.0
