"""Margins: what the tests of a difference from the positive control show."""

from __future__ import annotations

from dataclasses import replace

import pytest
from claim_rows import NEGATIVE, OPEN, POSITIVE, ROW, SHOWN, WIN

from gisteval.report.margins import controls_apart, margins


@pytest.mark.parametrize(
    ("within", "worse", "finding"),
    [
        (OPEN, SHOWN, "below"),
        (SHOWN, SHOWN, "below, by less than 5"),
        (SHOWN, OPEN, "within 5"),
        (OPEN, OPEN, "open"),
        (None, None, "open"),  # rows of an earlier version
        (0.025, OPEN, "within 5"),
        (0.026, OPEN, "open"),
    ],
)
def test_a_margin_says_what_its_tests_show(within: float | None, worse: float | None, finding: str) -> None:
    measure, (margin,) = margins([replace(ROW, p_within=within, p_worse=worse)])
    assert (measure, margin.finding) == ("ROUGE-L less the positive control's", finding)


def test_a_win_rate_is_held_against_half() -> None:
    """The paper's human split: neither equal nor worse."""
    measure, (margin,) = margins([ROW, WIN, replace(WIN, judge="another", value=1.0)])
    assert measure == "the win rate (judge chatgpt) less 50"
    assert (round(margin.value, 1), round(margin.low, 1), round(margin.high, 1)) == (-4.6, -10.5, 1.2)
    assert margin.finding == "open"


def test_claims_are_corrected_for_all_candidates_and_splits() -> None:
    """The paper's LLaMA-gist-10 on human: 0.011 two-sided, and one of twelve."""
    twelve = [replace(ROW, system=f"gist-{k}", split=split) for k in range(4) for split in ("a", "b", "c")]
    twelve[0] = replace(twelve[0], split="human", p_worse=0.0055)
    assert not any(margin.worse for margin in margins(twelve)[1])
    assert margins(twelve[:1])[1][0].worse
    # Systems beside another positive control are another experiment.
    other = [replace(row, reference="another", negative="other") for row in twelve]
    assert margins([twelve[0], *other])[1][0].worse


def test_controls_are_tested_under_holm_with_their_share_of_the_level() -> None:
    """The larger of two p-values of one pair counts, and a candidate needs all measures to be apart."""
    against = replace(NEGATIVE, metric="win_rate", judge="chatgpt", value=48.0, p_worse=0.3)
    rows = [ROW, replace(WIN, p_within=SHOWN), POSITIVE, NEGATIVE, against]
    found = controls_apart(rows)
    assert [pair.measure for pair in found] == ["ROUGE-L", "the win rate (judge chatgpt)"]
    assert [pair.p_value for pair in found] == pytest.approx([2 * 1e-9 / 0.1, 1.0])
    (margin,) = margins(rows)[1]
    assert (margin.finding, margin.why_open) == ("open", "the controls do not differ significantly")
    (margin,) = margins([*rows[:-1], replace(against, p_worse=0.004)])[1]
    assert (margin.finding, margin.why_open) == ("within 5", None)
    (margin,) = margins([*rows[:-1], replace(against, p_worse=0.006)])[1]
    assert margin.why_open is not None
