"""Judges of known faults are judged out, good ones believed, and where nobody can tell, that is said."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping

import pytest

from gisteval.judging.evidence import Evidence, Outcomes
from gisteval.judging.protocol import Comparison, Matchup, comparisons
from gisteval.judging.summary import summarize
from gisteval.judging.veto import Trust, judge_trust, stated_trust
from gisteval.records.judge_figures import PairFigures, read_entry
from gisteval.records.schema import Choice, Example

Answer = Callable[[Comparison], Choice]


def first(comparison: Comparison) -> Choice:
    return "a" if comparison.order == "ab" else "b"


def tie(comparison: Comparison) -> Choice:
    return "tie"


def longer(comparison: Comparison) -> Choice:
    difference = len(comparison.ours) - len(comparison.theirs)
    return "tie" if not difference else "a" if difference > 0 else "b"


def coin(comparison: Comparison) -> Choice:
    return random.Random(comparison.key).choice(["a", "b", "tie"])


def fickle(comparison: Comparison) -> Choice:
    """Changes its mind whenever it is asked a second time."""
    return "a" if (int(comparison.pair, 16) % 2 == 0) == (comparison.purpose == "again") else "b"


def unreadable(comparison: Comparison) -> Choice:
    return "invalid"


def good(comparison: Comparison) -> Choice:
    """Knows that the negative control's outputs are wrong, and can't choose between all others."""
    return "b" if comparison.matchup.system == "neg" else "tie"


def forced(comparison: Comparison) -> Choice:
    """As good, but of two alike it names the first."""
    return "b" if comparison.matchup.system == "neg" else first(comparison)


def trust(
    answer: Answer,
    n: int = 60,
    orders: str = "both",
    systems: Mapping[str, Callable[[int], int]] | None = None,
    control: str | None = "trained",
    sees_order: bool = True,
) -> Trust:
    """What is said of a judge after a run. systems: by name, the length in words of an example's output."""
    examples = {e.content_id: e for e in (Example(f"{i}", "t", "s", f"say {i}", "", "r") for i in range(n))}

    def texts(length: Callable[[int], int]) -> dict[str, str]:
        return {pair: "word " * length(i) + str(i) for i, pair in enumerate(examples)}

    lengths = systems or {"gist": lambda i: 1 + i % 3, "neg": lambda i: 1 + (i + 1) % 4}
    positive = texts(lambda i: 2)
    evidence, entries = Evidence(), []
    for system, ours in {
        "pos": positive,
        **{name: texts(length) for name, length in lengths.items()},
    }.items():
        matchup = Matchup("t", "s", system, "pos", examples, ours, positive)
        verdicts = [
            comparison.verdict(
                "j", answer(comparison), None if comparison.equal and comparison.purpose != "aa" else ""
            )
            for comparison in comparisons(matchup, "i", orders, 0.1)  # type: ignore[arg-type]
            if not comparison.equal or comparison.purpose == "aa"
        ]
        evidence.add(matchup, verdicts, system == "neg")
        if system != "pos":
            entries.append(summarize("j", matchup, verdicts).figures())
    return judge_trust("j", entries, evidence, {"neg": control}, sees_order)


def figures(system: str, reference: str) -> PairFigures:
    """Of a judge that answered everything, and ties everywhere."""
    counts = dict.fromkeys(("equal_outputs", "wins", "losses", "missing_pairs", "errors", "invalid"), 0)
    rates = ("win_rate", "win_rate_adjusted", "flip_rate", "first_shown_share", "longer_share")
    return PairFigures(
        judge="j", split="s", system=system, reference=reference, pairs=100, ties=100, looks=100, cost=0.0,
        length_slope=None, again=None, **counts, **dict.fromkeys(rates),
    )  # fmt: skip


def rules(trust: Trust) -> list[str]:
    return list(dict.fromkeys(check.rule for check in trust.vetoes))


@pytest.mark.parametrize("orders", ["both", "seeded"])
@pytest.mark.parametrize("answer", [first, tie, longer, coin, unreadable])
def test_no_broken_judge_is_trusted(answer: Answer, orders: str) -> None:
    judged = trust(answer, 100, orders)
    assert judged.vetoes, judged.checks
    assert judged.problem("gist", "s").startswith("it is under veto: ")
    assert judged.summary.startswith("judge j is under veto: ")


@pytest.mark.parametrize("orders", ["both", "seeded"])
@pytest.mark.parametrize("answer", [good, forced])
@pytest.mark.parametrize("n", [10, 24, 100])
def test_a_good_judge_is_trusted(answer: Answer, orders: str, n: int) -> None:
    judged = trust(answer, n, orders)
    assert (rules(judged), judged.doubt, judged.problem("gist", "s")) == ([], "", "")


def test_what_each_fault_is_called() -> None:
    assert rules(trust(first)) == ["other order", "negative control"]
    assert rules(trust(first, orders="seeded"))[0] == "place"
    assert rules(trust(tie)) == ["ties", "negative control"]
    assert set(rules(trust(unreadable))) == {"missing"}
    assert "other order" in rules(trust(coin, 200))
    assert "itself" in rules(trust(fickle, orders="seeded"))


def test_a_judge_of_length_is_detected_though_the_negative_control_writes_less() -> None:
    shorter = {"gist": lambda i: 1 + 2 * (i % 2), "neg": lambda i: 1}
    judged = trust(longer, systems=shorter)
    assert rules(judged) == ["length"]
    assert "the output with more characters wins 100% [" in judged.vetoes[0].text
    assert rules(trust(good, systems=shorter)) == []


def test_a_judge_that_never_sees_two_texts_as_one() -> None:
    def blind(comparison: Comparison) -> Choice:
        return first(comparison) if comparison.purpose == "aa" else good(comparison)

    assert rules(trust(blind)) == ["same text"]


def test_a_missing_negative_control_is_stated() -> None:
    def able(comparison: Comparison) -> Choice:
        return "b" if int(comparison.ours.split()[-1]) % 4 == 0 else "a"

    alone = {"gist": lambda i: 1 + i % 3}
    judged = trust(able, systems=alone)
    assert (rules(judged), judged.doubt) == ([], "")
    assert judged.caveats == (
        "without verdicts on a negative control nobody can tell whether the judge is sensitive",
    )
    assert rules(trust(tie, systems=alone)) == ["ties"]
    assert rules(trust(first, systems=alone)) == ["other order"]
    few = trust(tie, 12, systems=alone)
    assert rules(few) == [] and few.doubt.startswith("it says tie in ")
    assert trust(tie, systems=alone, sees_order=False).problem("gist", "s") == ""


def test_too_few_comparisons_are_neither_a_veto_nor_a_conclusion() -> None:
    judged = trust(good, 4)
    assert rules(judged) == []
    assert "not below 50" in judged.doubt
    assert judged.problem("gist", "s").startswith(
        "there are too few comparisons to tell it from guessing: "
    )


def test_an_untrained_control_that_is_as_good_is_no_fault_of_the_judge() -> None:
    even = trust(tie, control="untrained", sees_order=False)
    assert rules(even) == []
    assert even.doubt.startswith("the untrained negative control neg wins 50.0 [")
    assert rules(trust(tie, control="trained", sees_order=False)) == ["negative control"]


def test_missing_answers_count_where_they_are_missing() -> None:
    def partly(comparison: Comparison) -> Choice:
        return (
            "error"
            if comparison.matchup.system == "gist" and comparison.order == "ba"
            else good(comparison)
        )

    judged = trust(partly)
    assert rules(judged) == ["missing"]
    assert "it gave no answer to 40 of 80 comparisons on s, more than 2% (gist)" in judged.problem(
        "gist", "s"
    )
    assert judged.problem("neg", "s") == ""


def test_it_survives_json() -> None:
    judged = trust(first)
    stated = [judged.stated(figures(system, "pos")) for system in ("gist", "neg")]
    lines = [json.dumps(entry.to_json(), allow_nan=False) for entry in stated]
    read = stated_trust(read_entry(json.loads(line)) for line in lines)["j"]
    assert set(read.checks) == {check for check in judged.checks if check.system != "pos"}
    assert (read.reasons, read.doubt) == (judged.reasons, judged.doubt)


def test_a_negative_control_speaks_for_the_systems_of_its_own_positive_control() -> None:
    pairs = {"a-gist": "a-pos", "a-neg": "a-pos", "b-gist": "b-pos", "b-neg": "b-pos"}
    entries = [figures(system, reference) for system, reference in pairs.items()]
    evidence = Evidence()
    for system, score in (("a-neg", 0.5), ("b-neg", 0.0)):
        evidence.negatives[system, "s"] = Outcomes([score] * 100, list(range(100)))
    judged = judge_trust("j", entries, evidence, {"a-neg": "trained", "b-neg": None}, sees_order=False)
    assert "negative control a-neg wins 50.0 [48.2, 51.8] on s, not below 50" in judged.problem(
        "a-gist", "s"
    )
    assert judged.problem("a-pos", "s") and not judged.problem("b-gist", "s")
    assert len(judged.reasons) == 1
