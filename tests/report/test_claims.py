"""Claims: what intervals support, and no more."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gisteval.report.claims import (
    Claim,
    candidate_claims,
    family_of,
    findings,
    margins,
    short_names,
    verdict_sentence,
)
from gisteval.report.data import read_runs
from gisteval.report.samples import Samples, collect_samples
from gisteval.schema import ResultRow

ROW = ResultRow(
    "t", "human", "LLaMA-gist-1", "gist", None, "gist", 1, "rougeL", 23.9, 22.0, 26.0, "percent", 252,
    251, 0, reference="LLaMA-pos_control-1", difference=-3.1, difference_ci_low=-5.2,
    difference_ci_high=-1.0, retention=76.0, retention_ci_low=60.0, retention_ci_high=92.0,
)  # fmt: skip
WIN = replace(
    ROW, metric="win_rate", value=45.4, ci_low=39.5, ci_high=51.2, difference=None, judge="chatgpt"
)
NOTHING = Samples((), (), (), ())


def control(condition: str, low: float, high: float) -> ResultRow:
    name = f"LLaMA-{condition}-1"
    blank = {"difference": None, "retention": None, "reference": None}
    middle = (low + high) / 2
    return replace(ROW, system=name, condition=condition, value=middle, ci_low=low, ci_high=high, **blank)


@pytest.mark.parametrize(
    ("low", "high", "finding"),
    [
        (-5.2, -1.0, "below"),
        (-4.9, -1.0, "below, by less than 5"),
        (-4.9, 1.0, "within 5"),
        (-5.2, 1.0, "open"),
        (-9.0, -6.0, "below"),
        (None, None, "open"),
        (1.0, 2.0, "within 5"),
    ],
)
def test_a_margin_says_what_its_interval_holds(low, high, finding: str) -> None:
    measure, (margin,) = margins([replace(ROW, difference_ci_low=low, difference_ci_high=high)])
    assert (measure, margin.finding) == ("ROUGE-L less the positive control's", finding)


def test_a_win_rate_is_held_against_half() -> None:
    """The paper's human split: neither equal nor worse."""
    measure, (margin,) = margins([ROW, WIN, replace(WIN, judge="another", value=1.0)])
    assert measure == "the win rate (judge chatgpt) less 50"
    assert (round(margin.value, 1), round(margin.low, 1), round(margin.high, 1)) == (-4.6, -10.5, 1.2)
    assert margin.finding == "open"


def test_the_sentence() -> None:
    seen = replace(ROW, split="seen", difference_ci_low=-2.0, difference_ci_high=1.0, retention=99.0)
    others = [replace(ROW, system="LLaMA-gist-10", k=10), control("pos_control", 25, 29)]
    assert verdict_sentence([seen, ROW, *others]) == (
        "LLaMA-gist-1 keeps 99% on seen and 76% on human of the ROUGE-L that a prompt adds; it is "
        "below the positive control on human, within 5 points of the positive control on seen."
    )
    assert (
        verdict_sentence([control("pos_control", 25, 29)])
        == "No candidate could be compared with controls."
    )
    worse = replace(seen, difference_ci_low=-9.0, difference_ci_high=-2.0)
    assert verdict_sentence([worse, ROW]).endswith("; it is below the positive control on every split.")


def test_controls_must_lie_apart() -> None:
    apart, together = [
        [control("neg_control", 12, high), control("pos_control", 25, 29)] for high in (17, 26)
    ]
    (claim,) = findings(apart, NOTHING, ()).controls
    assert (claim.finding, claim.text) == (
        "shown",
        "LLaMA: the negative control on human is below the positive control",
    )
    (claim,) = findings(together, NOTHING, ()).controls
    assert claim.finding == "open"


def test_the_order_of_k_needs_a_difference(small_run, write_small_run, make_example, tmp_path) -> None:
    data = read_runs([small_run])
    order, judged = findings(data.rows, collect_samples(data), ()).others
    assert "the win rate of reference differs" in judged.text
    assert (order.finding, order.evidence) == ("open", "none of 2 paired comparisons, Holm's correction")

    def answers(item, number, system):
        return "nothing" if system == "tiny-gist-1" or "neg" in system else item.output

    examples = {"seen": [make_example(number) for number in range(12)]}
    data = read_runs([write_small_run(tmp_path / "run", examples, answers, judge=None)])
    (order,) = findings(data.rows, collect_samples(data), ()).others
    assert order.finding == "shown"
    assert order.evidence.endswith("k = 4 against 1 on seen: +100.0")


def test_families_and_short_names() -> None:
    assert family_of("FLAN-T5-gist-10") == "FLAN-T5"
    assert family_of("LLaMA-gist-1-pos_control-untrained") == "LLaMA"
    assert family_of("plain") == "plain"
    assert short_names(["a-gist-1", "a-neg_control-1"]) == {
        "a-gist-1": "gist-1",
        "a-neg_control-1": "neg_control-1",
    }
    assert short_names(["a-gist-1", "b-gist-1"]) == {"a-gist-1": "a-gist-1", "b-gist-1": "b-gist-1"}


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (-5.2, -1.0, [("shown", "is worse than")]),
        (-4.9, -1.0, [("shown", "is within 5 points of"), ("shown", "is worse than")]),
        (-4.9, 1.0, [("shown", "is within 5 points of")]),
        (-5.2, 1.0, [("open", "is neither shown to be as good nor to be worse")]),
        (None, None, [("open", "is neither shown to be as good nor to be worse")]),
    ],
)
def test_a_candidate_is_as_good_or_worse_only_if_shown(low, high, expected) -> None:
    found = candidate_claims([replace(ROW, difference_ci_low=low, difference_ci_high=high)])
    assert [claim.finding for claim in found] == [finding for finding, _ in expected]
    for claim, (_, text) in zip(found, expected, strict=True):
        assert f"LLaMA-gist-1 on human {text}" in claim.text
        ends = "unbounded, unbounded" if low is None else f"{low:+.1f}, {high:+.1f}"
        assert claim.evidence == f"ROUGE-L less the positive control's -3.1 [{ends}]"


def test_findings_hold_all_claims() -> None:
    cost = Claim("gist-1 takes less time than no cache", "shown", "6.8% saved")
    rows = [control("pos_control", 25, 29), WIN, control("neg_control", 12, 16)]
    found = findings(rows, NOTHING, [cost])
    assert [claim.finding for claim in found.claims] == ["shown", "open", "shown"]
    assert found.claims[1].evidence == "the win rate (judge chatgpt) less 50 -4.6 [-10.5, +1.2]"
    assert found.sentence == verdict_sentence(rows)
