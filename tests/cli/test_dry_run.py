"""Rates of an estimate, and flags that need --dry-run."""

from __future__ import annotations

import pytest

from gisteval.cli.dry_run import given_rates
from gisteval.errors import GistevalError


def test_rates_are_those_that_are_given() -> None:
    rates = given_rates(True, 2e12, 3.5)
    assert rates is not None and (rates.flops_per_second, rates.dollars_per_hour) == (2e12, 3.5)
    assert given_rates(False, None, None) is None


@pytest.mark.parametrize("given", [(1.0, None), (None, 0.0)])
def test_a_rate_without_a_dry_run_is_refused(given: tuple[float | None, float | None]) -> None:
    with pytest.raises(GistevalError, match="need --dry-run"):
        given_rates(False, *given)
