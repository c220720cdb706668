"""Three ways to count, side by side."""

from __future__ import annotations

import pytest

from gisteval.profiling.shape_flops import Counts


def test_differences_are_percent_of_the_closed_form() -> None:
    assert Counts(200, 190, 210).differences() == pytest.approx({"fvcore": -5.0, "torch": 5.0})
    assert Counts(None, 1, 1).differences() is None
