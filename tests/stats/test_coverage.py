"""A short version of `make coverage`: every interval and claim in use, with fixed seeds."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(scope="module")
def simulation() -> ModuleType:
    path = Path(__file__).parents[2] / "benchmarks" / "coverage.py"
    spec = importlib.util.spec_from_file_location("coverage_simulation", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # its dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("layout", [2, 10, 50, "10 uneven", "30 uneven"])
def test_every_interval_covers_or_is_not_given(simulation: ModuleType, layout: int | str) -> None:
    for case in simulation.CASES:
        samples = 40 if case.costly else 120
        found = simulation.coverage(case, layout, samples)
        least = 95.0 - 3.0 * np.sqrt(5.0 * 95.0 / samples)
        assert found is None or found >= least, case.name
        if found is None:
            assert layout in (2, 10, "10 uneven", "30 uneven"), case.name


@pytest.mark.parametrize(("n", "ties"), [(50, 0.3), (100, 0.8)])
def test_claims_are_false_in_at_most_five_percent_of_reports(
    simulation: ModuleType, n: int, ties: float
) -> None:
    """Four equal systems and three splits, at the margin or equal to their control."""
    for truth in (-5.0, 0.0):
        rates = simulation.reports(truth, ties, n, 80)
        assert rates.single <= 2.5 + 3.0 * np.sqrt(2.5 * 97.5 / 80)
        assert rates.report <= 5.0
