"""What is counted of a judge's answers, against counts by hand."""

from __future__ import annotations

from gisteval.judging.evidence import Evidence, Outcomes
from gisteval.judging.protocol import Matchup, comparisons
from gisteval.records.schema import Example, Verdict

EXAMPLES = {e.content_id: e for e in (Example(str(n), "t", "s", f"say {n}", "", "r") for n in range(3))}
LONG, SHORT, EQUAL = EXAMPLES
OURS = {LONG: "three words here", SHORT: "one", EQUAL: "the same"}
THEIRS = {LONG: "two words", SHORT: "two words", EQUAL: " the same\n"}
CHOICES = {LONG: ("a", "a"), SHORT: ("b", "a"), EQUAL: ("tie", "tie")}
"""By pair, the choices in the orders ab and ba."""


def verdicts(system: str = "gist") -> tuple[Matchup, list[Verdict]]:
    matchup = Matchup("t", "s", system, "pos", EXAMPLES, OURS, THEIRS)
    comparison_list = [c for c in comparisons(matchup, "i", "both", 1.0) if c.purpose in ("main", "again")]
    choice = {
        (pair, order): c
        for pair, both in CHOICES.items()
        for order, c in zip(("ab", "ba"), both, strict=True)
    }
    return matchup, [
        c.verdict("j", choice[c.pair, c.order], None if c.equal else "") for c in comparison_list
    ]


def test_counts_of_one_system() -> None:
    evidence = Evidence()
    evidence.add(*verdicts(), negative=False)
    assert evidence.decided.values == [True, True, True, True]  # both orders of two pairs that differ
    assert sorted(evidence.both_orders.overall.same.values) == [False, True]
    # The first shown wins once: where the system's longer output stands first.
    assert sorted(evidence.both_orders.overall.first_shown.values) == [False, False, False, True]
    assert evidence.both_orders.negative.same.values == []
    assert evidence.repeats.overall.same.values == [True] * 4
    assert evidence.longer_ours["words"].values == [True, True]
    assert sorted(evidence.longer_theirs["words"].values) == [False, True]
    assert evidence.negatives == {} and evidence.same_text.values == []


def test_the_negative_control_counts_in_both_scopes() -> None:
    evidence = Evidence()
    evidence.add(*verdicts("neg"), negative=True)
    assert evidence.both_orders.negative == evidence.both_orders.overall
    assert evidence.negatives["neg", "s"].values == [1.0, 0.5, 0.5]  # equal outputs count here
    assert evidence.longer_negative.values == [1.0, 1.0]


def test_outcomes_are_clustered() -> None:
    outcomes = Outcomes()
    for number in range(20):
        outcomes.add(float(number < 10), number // 10)
    estimate = outcomes.estimate()
    assert estimate is not None and outcomes.percent == estimate.value == 50.0
    assert (estimate.n, estimate.clusters) == (20, 2)
    assert Outcomes().estimate() is None
