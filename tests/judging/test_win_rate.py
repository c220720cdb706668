"""Win rates: counts, intervals and the numbers of the paper's released verdicts."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from statsmodels.stats.proportion import proportion_confint

from gisteval.errors import InvalidRun
from gisteval.judging.win_rate import Labels, at_equal_length, win_rate, win_rate_row
from gisteval.records.schema import Verdict
from gisteval.stats import bounded_mean

VERDICT = Verdict("k", "1", "t", "s", "gist", "pos", "j", "main", "ab", "a", "reply")
LABELS = Labels("gist", None, "gist", 1)


def verdicts_of(*choices: str, order: str = "ab") -> list[Verdict]:
    return [replace(VERDICT, pair=str(n), choice=choice, order=order) for n, choice in enumerate(choices)]


def test_value_counts_and_interval() -> None:
    rate = win_rate(verdicts_of(*"aabba", "tie", "tie", "a"))
    values = [100, 100, 0, 0, 100, 50, 50, 100]
    assert rate.estimate == bounded_mean(values, 0.0, 100.0).interval()
    assert rate.estimate.value == pytest.approx(np.mean(values))
    assert (rate.wins, rate.ties, rate.losses, rate.missing) == (4, 2, 2, 0)


def test_wins_and_losses_alone_have_the_interval_of_a_proportion() -> None:
    estimate = win_rate(verdicts_of(*["a"] * 30, *["b"] * 10)).estimate
    low, high = proportion_confint(30, 40, alpha=0.05, method="beta")
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((100 * low, 100 * high), abs=0.3)


@pytest.mark.parametrize("n", [2, 12, 30])
def test_ties_alone_do_not_show_that_systems_are_equal(n: int) -> None:
    rate = win_rate(verdicts_of(*["tie"] * n))
    assert rate.estimate.value == 50.0
    assert rate.estimate.ci_low < 45.0 and rate.estimate.ci_high > 55.0
    assert rate.claims.within > 0.025 and rate.claims.worse > 0.025


def test_an_output_that_is_missing_is_a_loss() -> None:
    absent = [f"lost-{n}" for n in range(50)]
    rate = win_rate(verdicts_of(*["tie"] * 50), without_output=absent)
    assert (rate.estimate.value, rate.estimate.n) == (25.0, 100)
    assert (rate.wins, rate.ties, rate.losses, rate.missing) == (0, 50, 50, 0)
    assert rate.claims.within > 0.99 and rate.claims.worse < 1e-6


def test_what_has_no_answer_counts_against_both_claims() -> None:
    answered = win_rate(verdicts_of(*"ab" * 100, *["tie"] * 200))
    unclear = win_rate(verdicts_of(*"ab" * 100, *["tie"] * 200, *["error"] * 30))
    assert unclear.estimate == answered.estimate
    assert answered.claims.within < 0.025 < unclear.claims.within
    assert unclear.claims.worse > answered.claims.worse


def test_a_pair_is_the_mean_of_its_orders_and_missing_if_one_failed() -> None:
    verdicts = verdicts_of("a", "a", "a", "b") + verdicts_of("a", "b", "error", "tie", order="ba")
    rate = win_rate(verdicts)
    assert rate.estimate.value == pytest.approx(100 * (1 + 0.5 + 0.25) / 3)
    assert (rate.wins, rate.ties, rate.losses, rate.missing) == (1, 1, 1, 1)


@pytest.mark.parametrize(("choice", "value", "low", "high"), [("a", 100, 69.2, 100), ("b", 0, 0, 30.8)])
def test_a_clean_sweep_still_has_an_interval(choice: str, value: float, low: float, high: float) -> None:
    estimate = win_rate(verdicts_of(*[choice] * 10)).estimate
    assert (estimate.value, estimate.method) == (value, "gaffke")
    assert (estimate.ci_low, estimate.ci_high) == pytest.approx((low, high), abs=0.5)


def test_clusters_widen_the_interval() -> None:
    verdicts = verdicts_of(*"aaaabbbb")
    clusters = {str(n): str(n // 4) for n in range(8)}
    alone, together = win_rate(verdicts).estimate, win_rate(verdicts, clusters).estimate
    assert (together.n, together.clusters) == (8, 2)
    assert together.ci_high - together.ci_low > alone.ci_high - alone.ci_low


def test_an_adjusted_rate_is_never_surer_than_the_plain_one() -> None:
    rate = win_rate(verdicts_of(*["tie"] * 20)).estimate
    narrow = replace(rate, value=52.0, ci_low=51.9, ci_high=52.1)
    adjusted = at_equal_length(narrow, rate, 0.0)
    assert (adjusted.ci_low, adjusted.ci_high) == pytest.approx((2.0 + rate.ci_low, 2.0 + rate.ci_high))
    beyond = at_equal_length(replace(rate, value=99.0, ci_low=80.0, ci_high=120.0), rate, 0.0)
    assert (beyond.value, beyond.ci_high) == (99.0, 100.0)
    half = at_equal_length(narrow, rate, 0.5)
    assert half.value == 26.0
    nothing = replace(rate, value=0.0, ci_low=-np.inf, ci_high=np.inf)
    assert at_equal_length(nothing, rate, 0.0) == nothing


def test_the_row_says_whose_it_is() -> None:
    row = win_rate_row(verdicts_of("a", "b", "invalid"), LABELS)
    assert (row.metric, row.unit, row.value, row.n, row.failures) == ("win_rate", "percent", 50.0, 2, 1)
    assert (row.system, row.reference, row.judge, row.k) == ("gist", "pos", "j", 1)


def test_no_answers_or_mixed_verdicts_are_refused() -> None:
    with pytest.raises(InvalidRun, match="none of 2 judged pairs has an answer"):
        win_rate(verdicts_of("error", "invalid"))
    with pytest.raises(InvalidRun, match="one judge, system and split"):
        win_rate_row([VERDICT, replace(VERDICT, judge="other")], LABELS)
    with pytest.raises(InvalidRun, match="one judge, system and split"):
        win_rate_row([], LABELS)


def released(shared_data: Path, split: str) -> tuple[list[Verdict], dict[str, str]]:
    name = f"chatgpt-LLaMA-gist-1-vs-LLaMA-pos_control-1-validation_{split}-3000.json"
    results = json.loads((shared_data / "paper" / "chatgpt" / name).read_text())["results"]
    verdicts = [
        replace(
            VERDICT, pair=str(n), order="ba" if item["swapped"] else "ab", choice=item["choice"].lower()
        )
        for n, item in enumerate(results)
    ]
    return verdicts, {str(n): item["x"].split("\nInput: ")[0] for n, item in enumerate(results)}


@pytest.mark.parametrize(
    ("split", "value", "low", "high", "counts"),
    [
        ("human", 45.4, 39.5, 51.2, (100, 29, 123)),
        ("seen", 48.5, 46.4, 50.6, (222, 526, 252)),
        ("unseen", 49.7, 47.0, 52.3, (360, 273, 367)),
    ],
)
def test_the_papers_win_rates(
    shared_data: Path, split: str, value: float, low: float, high: float, counts: tuple[int, int, int]
) -> None:
    verdicts, clusters = released(shared_data, split)
    rate = win_rate(verdicts, clusters)
    assert rate.estimate.value == pytest.approx(value, abs=0.051)
    # low and high are those of the clustered t interval, which knows of no loss that it did not see: the
    # bounded interval holds it, and is wider by less than two such losses.
    assert low - 0.6 < rate.estimate.ci_low < low + 0.05
    assert high - 0.05 < rate.estimate.ci_high < high + 0.6
    assert (rate.wins, rate.ties, rate.losses) == counts
