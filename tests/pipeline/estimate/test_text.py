"""Durations and dollars in words."""

from __future__ import annotations

import pytest

from gisteval.pipeline.estimate.text import dollars_text, duration_text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.01234, "0.0123 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (8316, "2.31 h"),
        (1e6, "11.6 days"),
    ],
)
def test_durations_have_three_digits_and_a_unit(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("dollars", "text"), [(0, "$0.00"), (0.0034, "$0.0034"), (0.01, "$0.01"), (1234.5, "$1,234.50")]
)
def test_small_sums_keep_two_digits(dollars: float, text: str) -> None:
    assert dollars_text(dollars) == text
