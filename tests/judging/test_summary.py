"""Counts of a judge's verdicts on one system, against counts by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gisteval.judging.parsing import AT_THE_LIMIT
from gisteval.judging.protocol import Matchup, comparisons
from gisteval.judging.summary import control_figures, summarize, unanswered
from gisteval.judging.win_rate import Labels
from gisteval.records.schema import Example, Verdict

EXAMPLES = {e.content_id: e for e in (Example(str(n), "t", "s", f"say {n}", "", "r") for n in range(6))}
PAIRS = list(EXAMPLES)
OURS = {pair: f"ours {n}" for n, pair in enumerate(PAIRS[:5])} | {PAIRS[0]: "theirs 0"}
THEIRS = {pair: f"theirs {n}" for n, pair in enumerate(PAIRS)}
MATCHUP = Matchup("t", "s", "gist", "pos", EXAMPLES, OURS, THEIRS)


def verdicts() -> list[Verdict]:
    """Pair 0 is a tie, 1 and 2 are won, 3 has an error in one order, 4 was cut in one; 5 has no output."""
    answers = []
    for comparison in comparisons(MATCHUP, "i", "both", 0.0):
        number, second = PAIRS.index(comparison.pair), comparison.order == "ba"
        choice, error = ("tie", None) if number == 0 else ("a", None)
        if second and number == 3:
            choice, error = "error", "status 500"
        if second and number == 4:
            choice, error = "invalid", AT_THE_LIMIT
        answers.append(comparison.verdict("j", choice, "", error, 100, 10, 0.5))
    return answers


def test_counts() -> None:
    summary = summarize("j", MATCHUP, verdicts())
    assert (summary.examples, summary.pairs, summary.equal, summary.comparisons) == (6, 5, 1, 8)
    assert (summary.errors, summary.invalid, summary.cut) == (1, 1, 1)
    assert (summary.prompt_tokens, summary.completion_tokens, summary.cost) == (1000, 100, 5.0)
    assert summary.missing_share == 25.0
    rate = summary.rate
    assert rate is not None and (rate.wins, rate.ties, rate.losses, rate.missing) == (2, 1, 1, 2)
    assert rate.estimate.value == pytest.approx(100 * (0.5 + 1 + 1 + 0) / 4)


def test_an_output_that_is_missing_is_no_loss_until_all_pairs_are_judged() -> None:
    some = [verdict for verdict in verdicts() if verdict.pair != PAIRS[1]]
    assert summarize("j", MATCHUP, some).without_output == ()
    assert summarize("j", MATCHUP, verdicts()).without_output == (PAIRS[5],)


def test_rows_count_what_has_no_answer() -> None:
    plain, adjusted = summarize("j", MATCHUP, verdicts()).rows(
        Labels("gist", None, "gist", 1), verdicts(), []
    )
    assert (plain.metric, adjusted.metric) == ("win_rate", "win_rate_adjusted")
    assert plain.n == 4 and plain.failures == 3  # two without an answer, one without an output
    assert adjusted.p_value is None and 0.0 <= adjusted.value <= 100.0
    errors = [replace(verdict, choice="error") for verdict in verdicts()]
    assert summarize("j", MATCHUP, errors).rows(Labels("gist", None, "gist", 1), errors, []) == []


def test_the_control_against_itself() -> None:
    itself = Matchup("t", "s", "pos", "pos", EXAMPLES, THEIRS, THEIRS)
    asked = list(comparisons(itself, "i", "both", 1.0))
    choices = ["tie", "a", "b", "error"] * 3
    answered = [c.verdict("j", choice, "") for c, choice in zip(asked, choices, strict=True)]
    figures = control_figures("j", itself, answered)
    assert figures is not None and (figures.looks, figures.answered) == (12, 9)
    assert figures.ties == pytest.approx(100 / 3)
    firsts = [(v.choice == "a") == (v.order == "ab") for v in answered if v.choice in ("a", "b")]
    assert figures.first_shown_share == pytest.approx(100 * sum(firsts) / len(firsts))
    assert control_figures("j", itself, []) is None


def test_what_is_unanswered_is_said_by_kind() -> None:
    assert unanswered(2, 3, 0) == "2 failed, 3 unreadable"
    assert unanswered(0, 3, 3) == "0 failed, 3 cut at the token limit, 0 unreadable"
