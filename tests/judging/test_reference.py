"""The reference judge: its scores, and how far it agrees with the paper's ChatGPT."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer
from sacrebleu import sentence_chrf

from gisteval.importer.verdicts import read_verdict_file
from gisteval.judging.agreement import cohen_kappa
from gisteval.judging.definition import load_judge
from gisteval.judging.parsing import read_reply
from gisteval.judging.protocol import Matchup, comparisons
from gisteval.judging.reference import reference_reply
from gisteval.records.schema import Example

JUDGE = load_judge("reference")


def reply(ours: str, theirs: str, expected: str) -> str:
    example = Example("1", "t", "s", "say", "", expected)
    pair = example.content_id
    matchup = Matchup("t", "s", "a", "b", {pair: example}, {pair: ours}, {pair: theirs})
    return reference_reply(next(comparisons(matchup, "j", "one", 0)))


def test_scores_are_those_of_the_libraries() -> None:
    ours, theirs, expected = "the cats sat on a mat", "a dog", "the cat sat on the mats"
    scores = json.loads(reply(ours, theirs, expected))
    rouge = RougeScorer(["rougeL"], use_stemmer=True)
    for place, text in enumerate((ours, theirs)):
        assert scores["rougeL"][place] == pytest.approx(
            100 * rouge.score(expected, text)["rougeL"].fmeasure, abs=0.005
        )
        assert scores["chrF"][place] == pytest.approx(sentence_chrf(text, [expected]).score, abs=0.005)


def test_a_script_without_ascii_still_counts() -> None:
    scores = reply("你好世界", "再见", "你好世界")
    assert json.loads(scores)["rougeL"] == [0.0, 0.0]
    assert read_reply(JUDGE.definition, scores, "ab") == "a"
    assert read_reply(JUDGE.definition, reply("", "", ""), "ab") == "tie"


@pytest.fixture(scope="module")
def judged(shared_data) -> Callable[[str], tuple[dict[str, str], dict[str, str], set[str]]]:
    """By system: the reference judge's choices, ChatGPT's, and the pairs with equal outputs."""

    def both(system: str) -> tuple[dict[str, str], dict[str, str], set[str]]:
        ours, theirs, equal = {}, {}, set()
        for path in sorted((shared_data / "paper" / "chatgpt").glob(f"*{system}*.json")):
            file = read_verdict_file(path)
            outputs = shared_data / "paper" / "model_outputs" / file.system
            name = f"outputs-3000-validation_{file.split.removeprefix('validation_')}.csv"
            with (outputs / name).open(encoding="utf-8", newline="") as stream:
                references = [row["y_true"] for row in csv.DictReader(stream)]
            for number, (row, expected) in enumerate(zip(file.rows, references, strict=True)):
                pair = f"{file.split} {number}"
                theirs[pair] = row.choice
                if row.output.strip() == row.reference_output.strip():
                    equal.add(pair)
                    ours[pair] = "tie"
                else:
                    text = reply(row.output, row.reference_output, expected)
                    ours[pair] = read_reply(JUDGE.definition, text, "ab")
        return ours, theirs, equal

    return both


@pytest.mark.parametrize(
    ("system", "kappa", "apart"), [("LLaMA-gist-1", 0.40, 0.11), ("LLaMA-neg_control-1", 0.36, 0.18)]
)
def test_agreement_with_the_papers_judge_is_what_the_page_says(
    judged, system: str, kappa: float, apart: float
) -> None:
    ours, theirs, equal = judged(system)
    assert cohen_kappa(ours, theirs).kappa == pytest.approx(kappa, abs=0.01)
    differing = {pair: choice for pair, choice in ours.items() if pair not in equal}
    assert cohen_kappa(differing, theirs).kappa == pytest.approx(apart, abs=0.01)
    worth = {"a": 100.0, "tie": 50.0, "b": 0.0}
    rates = [np.mean([worth[choice] for choice in scores.values()]) for scores in (ours, theirs)]
    assert abs(rates[0] - rates[1]) < 5
