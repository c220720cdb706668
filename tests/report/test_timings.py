"""Words for medians: what one, a few and many passes allow to say."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from gisteval.records.profile_facts import BreakEvenFacts, MedianFacts, SavingFacts
from gisteval.report.timings import (
    is_faster,
    median_text,
    passes_text,
    pays_interval,
    pays_text,
    proven_interval,
    shown_interval,
)


def found(n: int, low: float | None = 1.0, high: float | None = 3.0) -> MedianFacts:
    return MedianFacts(median=2.0, low=low, high=high, n=n, confidence=0.95)


def even(**changes: object) -> BreakEvenFacts:
    fields: dict[str, Any] = {"unit": "seconds", "baseline": "b", "saved_each": 1.0, "reuses": 1, "net": 1}
    return BreakEvenFacts(**{**fields, **changes})


@pytest.mark.parametrize(
    ("median", "shown", "proven"),
    [
        (found(1, None, None), None, None),
        (found(1, 2.0, 2.0), None, None),  # as files of earlier versions have it
        (found(2), None, None),
        (found(3), (1.0, 3.0), None),
        (found(5), (1.0, 3.0), None),
        (found(6), (1.0, 3.0), (1.0, 3.0)),
        (found(6, 2.0, 2.0), None, None),
    ],
)
def test_an_interval_needs_a_few_different_passes_and_a_statement_six(median, shown, proven):
    assert (shown_interval(median), proven_interval(median)) == (shown, proven)


@pytest.mark.parametrize(
    ("median", "p_value", "said"),
    [
        (found(9), 0.05, "yes"),
        (found(9), 0.051, "not shown"),  # of one saving among many
        (found(9, -3.0, -1.0), 0.01, "slower"),
        (found(5), 0.01, "too few passes"),
        (found(1, None, None), 1.0, "too few passes"),
    ],
)
def test_what_is_faster_is_said_by_interval_and_corrected_test(median, p_value, said):
    saving = SavingFacts(
        system="a", baseline="b", phase="decode", percent=1.0, p_value=p_value, **asdict(median)
    )
    assert is_faster(saving) == said


def test_a_median_without_interval_is_a_bare_number():
    assert median_text(0.0021, None, 2, 1e3) == "2.10"
    assert median_text(0.0021, (0.002, 0.0025), 2, 1e3) == "2.10 [2.00, 2.50]"


@pytest.mark.parametrize(
    ("rounds", "text"),
    [
        (1, "One repetition: no interval"),
        (2, "Medians of 2 repetitions: no interval"),
        (3, "Medians of 3 passes with their range (it covers 75%, not 95%)"),
        (6, "Medians of 6 passes with 95% intervals"),
    ],
)
def test_the_number_of_passes_says_what_the_intervals_are(rounds, text):
    assert passes_text(rounds) == text


@pytest.mark.parametrize(
    ("uses", "unit", "text"),
    [
        (None, "flops", "never"),
        (0, "seconds", "at once"),
        (1, "flops", "at once"),
        (582, "flops", "from 582 uses"),
        (1582, "seconds", "from about 1,582 uses"),
    ],
)
def test_when_it_pays_is_said_in_words(uses, unit, text):
    assert pays_text(even(reuses=uses, unit=unit)) == text


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        (None, "too few passes"),
        ([1, 1], "at once"),
        ([None, None], "never"),
        ([2, None], "2 to never"),
        ([0, 12], "at once to 12"),
    ],
)
def test_an_interval_of_uses_never_repeats_itself(ends, text):
    assert pays_interval(even(interval=None if ends is None else tuple(ends))) == text


def test_a_file_without_the_interval_of_the_uses_shows_none():
    assert pays_interval(even()) == "too few passes"
    assert pays_interval(even(unit="flops")) == "exact"
