"""Findings on reconstruction, beside rouge_score and a plain edit distance."""

from __future__ import annotations

import pytest
from observations import observations
from rouge_score.rouge_scorer import RougeScorer

from gisteval.records.diagnosis import Observation
from gisteval.scores.diagnosed.reconstruction import edits_of, rouge_of, summarise_reconstruction
from gisteval.scores.diagnosed.rows import Observed

NAMES = {"gist-1": "pos", "pos": "pos", "neg": "pos"}
NEGATIVES = dict.fromkeys(NAMES, "neg")
TEXT = "say the word cat twice, then stop"


def wrote(system: str, answers: list[str]) -> list[Observation]:
    return [
        one
        for n, answer in enumerate(answers)
        for one in observations(
            system, [0.0], "repeat", content=str(n), cluster=TEXT, texts={"answer": answer}, values={}
        )
    ]


def edit_distance(one: str, other: str) -> int:
    """By the textbook recurrence."""
    row = list(range(len(other) + 1))
    for n, left in enumerate(one, 1):
        last, row[0] = row[0], n
        for m, right in enumerate(other, 1):
            last, row[m] = row[m], min(row[m] + 1, row[m - 1] + 1, last + (left != right))
    return row[-1]


@pytest.mark.parametrize("answer", [TEXT, "say the word dog", "", "then cat"])
def test_values_are_those_of_others(answer: str) -> None:
    (one,) = wrote("gist-1", [answer])
    scorer = RougeScorer(["rougeL"], use_stemmer=True)
    assert rouge_of(one) == pytest.approx(100 * scorer.score(TEXT, answer)["rougeL"].fmeasure)
    longer = max(len(TEXT), len(answer))
    assert edits_of(one) == pytest.approx(100 * edit_distance(answer, TEXT) / longer)


def test_a_control_that_can_not_repeat_leaves_the_question_open() -> None:
    systems = {
        "pos": wrote("pos", ["cat cat"] * 14),
        "gist-1": wrote("gist-1", [TEXT] * 14),
        "neg": wrote("neg", [""] * 14),
    }
    (finding,) = summarise_reconstruction(Observed(systems, NEGATIVES), NAMES).findings
    assert (finding.system, finding.state) == ("gist-1", "open")
    assert "pos itself repeats its full prompt with ROUGE-L" in finding.text


def test_what_a_gist_gives_back_stands_beside_the_controls() -> None:
    systems = {
        "pos": wrote("pos", [TEXT] * 14),
        "gist-1": wrote("gist-1", ["no", *["say the word"] * 12, "say the word cat twice"]),
        "neg": wrote("neg", [""] * 14),
    }
    summary = summarise_reconstruction(Observed(systems, NEGATIVES), NAMES)
    (finding,) = summary.findings
    assert finding.state == "note" and "pos 100%, neg 0%" in finding.text
    assert finding.text.endswith(f"the most of “{TEXT}”, as “say the word cat twice”")
    repeated = {row.system: row.value for row in summary.rows if row.metric == "repeated"}
    assert repeated["pos"] == 100.0 and repeated["neg"] == 0.0 < repeated["gist-1"] < 100.0
