"""A deadline and its parts, on a clock that the test sets."""

from __future__ import annotations

import pytest

from gisteval.profiling.budget import TimeBudget


def test_parts_that_take_less_leave_their_time_to_the_later_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("gisteval.profiling.budget.time.monotonic", lambda: now)
    whole = TimeBudget.of(60.0)
    assert (whole.end, whole.left) == (160.0, 60.0)
    assert whole.share(3).left == pytest.approx(20.0)
    now = 105.0  # the first part took 5 of its 20 seconds
    assert whole.share(2).left == pytest.approx(27.5)
    now = 170.0
    assert whole.left == pytest.approx(-10.0)
