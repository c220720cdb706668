"""Claims: what tests support, and no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from claim_rows import NEGATIVE, OPEN, POSITIVE, ROW, SHOWN, WIN

from gisteval.importer.records import ImportedOutputs, SystemLabel
from gisteval.pipeline.imports.records import claim_folder, failures_of, write_generations
from gisteval.records.schema import Condition, Example
from gisteval.report.claims import (
    Claim,
    Findings,
    candidate_claims,
    family_of,
    findings,
    short_names,
    verdict_sentence,
)
from gisteval.report.data import read_runs
from gisteval.report.doubts import Doubts
from gisteval.report.margins import controls_apart, margins
from gisteval.report.samples import Samples, collect_samples
from gisteval.scores.rows import run_rows

NOTHING = Samples((), (), (), ())


def test_a_judge_that_may_not_be_relied_on_is_passed_over() -> None:
    rows = [ROW, replace(WIN, p_within=SHOWN), replace(WIN, judge="another", value=1.0)]
    first = {("chatgpt", WIN.system, WIN.split): "it guesses"}
    measure, (margin,) = margins(rows, Doubts(first))
    assert (measure, margin.value) == ("the win rate (judge another) less 50", -49.0)
    both = Doubts({**first, ("another", WIN.system, WIN.split): "it guesses too"})
    assert margins(rows, both)[1] == []  # ROUGE-L does not take a judge's place
    said = findings(rows, NOTHING, (), both)
    assert said.sentence.startswith("No conclusion. The judge chatgpt can't be relied on, since it guesses")
    assert not said.candidates and [claim.finding for claim in said.judges] == ["open", "open"]


def test_the_sentence() -> None:
    seen = replace(
        ROW, split="seen", p_within=SHOWN, retention=99.0, retention_ci_low=95.0, retention_ci_high=103.0
    )
    worse = replace(ROW, p_worse=0.001)
    assert verdict_sentence([seen, worse, replace(worse, system="LLaMA-gist-10", k=10), POSITIVE]) == (
        "LLaMA-gist-1 keeps 99% [95%, 103%] on seen and 76% [60%, 92%] on human of the ROUGE-L that a "
        "prompt adds. By ROUGE-L less the positive control's, it is below the positive control on human, "
        "within 5 points of the positive control on seen."
    )
    assert verdict_sentence([POSITIVE]) == "No candidate could be compared with controls."
    both = [replace(worse, split="seen"), worse]
    assert verdict_sentence(both).endswith("it is below the positive control on every split.")


def test_nothing_is_said_of_a_candidate_beside_controls_that_are_not_apart() -> None:
    """Not even its retention, be it 2475%."""
    near = replace(ROW, p_within=SHOWN, p_worse=SHOWN, p_controls=0.2, retention=2475.0)
    found = findings([POSITIVE, near, replace(NEGATIVE, p_worse=0.2)], NOTHING, ())
    assert [claim.finding for claim in found.claims] == ["open", "open"]
    assert "the controls do not differ significantly" in found.candidates[0].evidence
    assert found.sentence == (
        "No conclusion about LLaMA-gist-1 on human: the controls do not differ significantly."
    )
    alone = replace(near, negative=None, p_controls=None)
    assert "no negative control" in candidate_claims([POSITIVE, alone])[0].evidence


@pytest.mark.parametrize("names", [("LLaMA-pos_control-1", "LLaMA-neg_control-1"), ("pos.csv", "neg.csv")])
def test_controls_of_any_name_get_their_claim(names: tuple[str, str]) -> None:
    positive = replace(POSITIVE, system=names[0])
    negative = replace(NEGATIVE, system=names[1], reference=names[0])
    row = replace(ROW, system="mine", reference=names[0], negative=names[1])
    found = findings([positive, row, negative], NOTHING, ())
    (claim,) = found.controls
    assert claim == Claim(
        f"the negative control {names[1]} is below the positive control {names[0]} on human",
        "shown",
        "ROUGE-L 14.4 against 27.0, -12.6 [-16.0, -9.0], p of no difference below 0.0001 (corrected)",
    )
    assert "keeps 76%" in found.sentence


def test_controls_must_be_apart_by_the_judge_too() -> None:
    judged = replace(WIN, p_within=SHOWN)
    against = replace(
        NEGATIVE, metric="win_rate", judge="chatgpt", value=48.0, ci_low=42.0, ci_high=54.0, p_worse=0.3
    )
    blind = [ROW, replace(judged, p_controls=0.3), POSITIVE, NEGATIVE, against]
    assert [found.shown for found in controls_apart(blind)] == [True, False]
    (claim,) = candidate_claims(blind)
    assert claim.finding == "open"
    seeing = [ROW, judged, POSITIVE, NEGATIVE, replace(against, value=22.0, p_worse=1e-9)]
    assert [claim.finding for claim in candidate_claims(seeing)] == ["shown"]


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
    samples = collect_samples(data)
    segmented = tuple(
        replace(system, compressor="segments:length=8") if system.name == "tiny-gist-1" else system
        for system in samples.systems
    )
    assert findings(data.rows, replace(samples, systems=segmented), ()).others == ()


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
    ("within", "worse", "expected"),
    [
        (OPEN, SHOWN, [("shown", "is worse than")]),
        (SHOWN, SHOWN, [("shown", "is within 5 points of"), ("shown", "is worse than")]),
        (SHOWN, OPEN, [("shown", "is within 5 points of")]),
        (OPEN, OPEN, [("open", "is not clearly as good as its positive control, nor clearly worse")]),
    ],
)
def test_a_candidate_is_as_good_or_worse_only_if_shown(
    within: float, worse: float, expected: list[tuple[str, str]]
) -> None:
    found = candidate_claims([replace(ROW, p_within=within, p_worse=worse)])
    assert [claim.finding for claim in found] == [finding for finding, _ in expected]
    for claim, (_, text) in zip(found, expected, strict=True):
        assert f"LLaMA-gist-1 on human {text}" in claim.text
        assert claim.evidence.startswith("ROUGE-L less the positive control's -3.1 [-5.2, -1.0], p of ")
    unbounded = candidate_claims([replace(ROW, difference_ci_low=None, difference_ci_high=None)])
    assert unbounded[0].evidence.startswith("ROUGE-L less the positive control's -3.1 (no interval), p of")


def test_findings_hold_all_claims() -> None:
    cost = Claim("gist-1 takes less time than no cache", "shown", "6.8% saved")
    rows = [POSITIVE, WIN, NEGATIVE]
    found = findings(rows, NOTHING, [cost])
    assert [claim.finding for claim in found.claims] == ["shown", "shown", "open", "shown"]
    assert found.claims[2].evidence == (
        "the win rate (judge chatgpt) less 50 -4.6 [-10.5, +1.2], p of a loss of 5 points 0.4, of no loss "
        "0.6 (corrected)"
    )
    assert found.sentence == verdict_sentence(rows)


WORDS = "amber birch cedar delta ember fjord grove heron inlet jetty kelp larch".split()  # noqa: SIM905
CONDITIONS: Mapping[str, Condition | None] = {
    "pos.csv": "pos_control", "neg.csv": "neg_control", "mine.csv": None,
}  # fmt: skip


def imported(answers: Mapping[str, Callable[[int], str | None]], n: int = 160) -> Findings:
    """The findings on a candidate and two controls, given each one's answer by example."""
    examples = tuple(Example(str(i), "t", "s", f"say {i}", "", right(i)) for i in range(n))
    parts = []
    for name, answer in answers.items():
        texts = {example.content_id: answer(i) for i, example in enumerate(examples)}
        known = {content: text for content, text in texts.items() if text is not None}
        label = SystemLabel(name, "", CONDITIONS[name], 1, "mine")
        parts.append(ImportedOutputs(label, "s", examples, known, "here"))
    with TemporaryDirectory() as path:
        folder = claim_folder(Path(path), "t", {"s": examples}, [p.system for p in parts], {}, ["x"])
        write_generations(folder, parts)
        folder.note_failures(failures_of(parts))
        return findings(list(run_rows(folder)), NOTHING, ())


def right(i: int) -> str:
    return f"{WORDS[i % 12]} {i}"


def wrong(i: int) -> str:
    return "nothing"


def half(i: int) -> str | None:
    return right(i) if i % 2 else None


def test_a_good_candidate_is_shown_to_be_within_the_margin() -> None:
    found = imported({"pos.csv": right, "neg.csv": wrong, "mine.csv": right})
    assert [claim.finding for claim in found.claims] == ["shown", "shown"]
    assert "mine.csv on s is within 5 points" in found.candidates[0].text
    assert "+0.0 [-2." in found.candidates[0].evidence


def test_a_candidate_that_lacks_half_its_outputs_is_worse() -> None:
    found = imported({"pos.csv": right, "neg.csv": wrong, "mine.csv": half})
    assert [claim.text for claim in found.candidates] == [
        "mine.csv on s is worse than its positive control"
    ]
    assert "-50.0 [" in found.candidates[0].evidence


def test_a_control_that_lacks_outputs_makes_no_candidate_good() -> None:
    found = imported({"pos.csv": half, "neg.csv": wrong, "mine.csv": right})
    assert all(claim.finding == "open" for claim in found.candidates)


@pytest.mark.parametrize("n", [12, 24])
def test_few_ties_show_nothing(n: int) -> None:
    """Every answer is equal to the control's, so there is no variance at all."""
    found = imported({"pos.csv": right, "neg.csv": wrong, "mine.csv": right}, n)
    assert found.controls[0].finding == "shown"
    (claim,) = found.candidates
    assert claim.finding == "open" and "[+0.0, +0.0]" not in claim.evidence


def test_empty_outputs_of_every_system_show_nothing() -> None:
    found = imported(dict.fromkeys(CONDITIONS, lambda i: ""))
    assert [claim.finding for claim in found.claims] == ["open", "open"]
    assert "keeps" not in found.sentence
