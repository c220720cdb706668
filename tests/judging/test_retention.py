"""Retention of win rates: the ratio of two paired means."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gisteval.judging.retention import with_retention
from gisteval.judging.win_rate import Labels, win_rate_row
from gisteval.records.schema import ResultRow, Verdict
from gisteval.stats.bounded import bounded_mean

VERDICT = Verdict("k", "1", "t", "s", "gist", "pos", "j", "main", "ab", "a", "reply")


def verdicts(choices: str, system: str) -> list[Verdict]:
    names = {"a": "a", "b": "b", "t": "tie", "e": "error"}
    return [
        replace(VERDICT, pair=str(n), system=system, choice=names[letter])
        for n, letter in enumerate(choices)
    ]


def retained(ours: str, negative: str, without_output: tuple[str, ...] = ()) -> ResultRow:
    system = verdicts(ours, "gist")
    row = win_rate_row(system, Labels("gist", None, "gist", 1), None, without_output)
    return with_retention(row, system, verdicts(negative, "neg"), None, without_output)


@pytest.mark.parametrize(
    ("ours", "negative", "percent"),
    [
        ("tttttttt", "bbbbbbbb", 100.0),  # as good as the positive control
        ("bbbbbbbb", "bbbbbbbb", 0.0),  # as poor as the negative control
        ("ttttbbbb", "bbbbbbbb", 50.0),
        ("atttbbbe", "bbtbbbbb", 100 * (250 / 7 - 50 / 7) / (50 - 50 / 7)),  # without the unanswered pair
    ],
)
def test_the_ratio_is_that_of_the_shared_pairs(ours: str, negative: str, percent: float) -> None:
    row = retained(ours, negative)
    assert row.retention == pytest.approx(percent)
    assert row.negative == "neg"


def test_the_controls_are_tested_as_the_negative_ones_win_rate_is() -> None:
    """A gap of 50 less the rate, between -50 and 50, is the test of the rate between 0 and 100."""
    for negative in ("bbbbbbbb", "bbtbabtb", "tttttttt", "aaabbbtt"):
        rates = [{"a": 100.0, "t": 50.0, "b": 0.0}[letter] for letter in negative]
        expected = bounded_mean(rates, 0.0, 100.0).p_at_least(50.0)
        assert retained("tttttttt", negative).p_controls == expected


def test_a_missing_output_is_a_loss() -> None:
    negative = verdicts("bbbbbbbb", "neg")
    assert retained("tttt", "bbbbbbbb").retention == pytest.approx(100.0)
    lost = tuple(verdict.pair for verdict in negative[4:])
    assert retained("tttt", "bbbbbbbb", lost).retention == pytest.approx(50.0)


def test_without_a_shared_pair_the_row_stays_as_it_is() -> None:
    row = retained("te", "eb")
    assert row.retention is None and row.negative is None
