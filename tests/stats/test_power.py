"""Power against statsmodels and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import TTestPower

from gisteval.stats import examples_needed, paired_difference, smallest_detectable_difference


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize(("n", "power"), [(12, 0.8), (252, 0.8), (252, 0.95), (1000, 0.9)])
def test_detectable_difference_equals_statsmodels(n: int, power: float, two_sided: bool) -> None:
    expected = TTestPower().solve_power(
        nobs=n, alpha=0.05, power=power, alternative="two-sided" if two_sided else "larger"
    )
    result = smallest_detectable_difference(40.0, n, 0.05, power, two_sided=two_sided)
    assert result == pytest.approx(40.0 * float(np.squeeze(expected)), rel=1e-3)


@pytest.mark.parametrize("two_sided", [True, False])
@pytest.mark.parametrize("margin", [4.0, 7.0, 20.0, 35.0])
def test_examples_needed_equals_statsmodels(margin: float, two_sided: bool) -> None:
    expected = TTestPower().solve_power(
        effect_size=margin / 40.0,
        alpha=0.05,
        power=0.8,
        alternative="two-sided" if two_sided else "larger",
    )
    assert examples_needed(40.0, margin, two_sided=two_sided) == math.ceil(float(np.squeeze(expected)))


def test_252_examples_show_about_seven_points() -> None:
    assert smallest_detectable_difference(40.0, 252) == pytest.approx(7.1, abs=0.05)


@given(margin=st.floats(0.02, 5.0), power=st.floats(0.5, 0.99), two_sided=st.booleans())
def test_the_two_functions_agree(margin: float, power: float, two_sided: bool) -> None:
    n = examples_needed(1.0, margin, 0.05, power, two_sided=two_sided)
    enough = smallest_detectable_difference(1.0, n, 0.05, power, two_sided=two_sided)
    fewer = smallest_detectable_difference(1.0, n - 1, 0.05, power, two_sided=two_sided)
    assert enough <= margin * (1 + 1e-3)
    assert fewer >= margin * (1 - 1e-3)


def test_power_is_reached_in_simulation() -> None:
    generator = np.random.default_rng(0)
    difference = smallest_detectable_difference(1.0, 50)
    samples = generator.normal(difference, 1.0, size=(1000, 50))
    found = sum(
        paired_difference(sample, np.zeros(50), permutations=1).p_value <= 0.05 for sample in samples
    )
    assert found / 1000 == pytest.approx(0.8, abs=0.03)


def test_limits() -> None:
    assert smallest_detectable_difference(40.0, 1) == math.inf
    assert smallest_detectable_difference(0.0, 10) == 0.0
    assert examples_needed(0.0, 1.0) == 2
    assert examples_needed(1.0, 1e6) == 2


@pytest.mark.parametrize(
    ("sd", "margin", "alpha", "power", "message"),
    [
        (1.0, 0.0, 0.05, 0.8, "margin"),
        (1.0, 1.0, 0.0, 0.8, "alpha"),
        (1.0, 1.0, 0.05, 1.0, "power"),
        (-1.0, 1.0, 0.05, 0.8, "standard deviation"),
        (math.nan, 1.0, 0.05, 0.8, "standard deviation"),
    ],
)
def test_impossible_questions_are_refused(
    sd: float, margin: float, alpha: float, power: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        examples_needed(sd, margin, alpha, power)
