"""ROUGE-L against rouge_score, on random texts and on the paper's outputs."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rouge_score.rouge_scorer import RougeScorer

from gisteval.errors import InvalidRun
from gisteval.metrics import RougeL, rouge_l, rouge_l_f1, rouge_tokens

SCORER = RougeScorer(["rougeL"], use_stemmer=True)

# The suffixes of the algorithm's rules, and endings of the words that those rules make.

# Few letters make many repeated words, so that the common subsequences are not empty.
words = st.text(alphabet="abeginrsy ,.-\n'É7", max_size=120)
texts = st.one_of(words, st.text(max_size=80))


def reference_rouge_l(prediction: str, reference: str) -> RougeL:
    score = SCORER.score(reference, prediction)["rougeL"]
    return RougeL(score.precision, score.recall, score.fmeasure)


@given(prediction=texts, reference=texts)
def test_rouge_l_equals_rouge_score(prediction: str, reference: str) -> None:
    assert rouge_l(prediction, reference) == reference_rouge_l(prediction, reference)


@pytest.mark.parametrize(
    ("prediction", "reference"),
    [
        ("", "something"),
        ("something", ""),
        ("", ""),
        ("...", "words"),
        ("Привет", "Привет"),
        ("naïve café", "naive cafe"),
        ("İstanbul \u212a", "istanbul k"),
        ("skies dying news", "sky die news"),
        ("one\u2028two\x00three\ud800", "one two three"),
        ("yyyyyyyyyy", "yyyyyyyyyi"),
        ("the cat sat on the mat", "on the mat sat the cat"),
    ],
)
def test_special_cases_equal_rouge_score(prediction: str, reference: str) -> None:
    assert rouge_l(prediction, reference) == reference_rouge_l(prediction, reference)


def test_text_in_another_script_scores_zero_even_against_itself() -> None:
    assert rouge_tokens("Привет, мир") == []
    assert rouge_l("Привет, мир", "Привет, мир") == RougeL(0.0, 0.0, 0.0)


def test_worked_example() -> None:
    # After stemming all four tokens of the prediction occur, in order, among the five.
    score = rouge_l("police kill the gunman", "police killed off the gunman")
    assert score == RougeL(precision=1.0, recall=0.8, f1=2 * 1.0 * 0.8 / 1.8)


def test_f1_is_in_percent_and_keeps_the_order() -> None:
    values = rouge_l_f1(["a b", "", "x"], ["a b", "a", "y"])
    assert values.tolist() == [100.0, 0.0, 0.0]


def test_no_examples_give_no_values() -> None:
    assert rouge_l_f1([], []).shape == (0,)


def test_different_numbers_of_texts_are_refused() -> None:
    with pytest.raises(InvalidRun, match="2 predictions but 1 references"):
        rouge_l_f1(["a", "b"], ["a"])


CONDITIONS = ("gist", "pos_control", "neg_control")
SPLITS = ("seen", "unseen", "human")


def read_outputs(folder: Path, condition: str, split: str) -> tuple[list[str], list[str]]:
    path = folder / f"LLaMA-{condition}-1" / f"outputs-3000-validation_{split}.csv"
    with path.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    return [row["y_pred"] for row in rows], [row["y_true"] for row in rows]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_all_values_of_the_paper_equal_rouge_score(shared_data: Path, condition: str) -> None:
    for split in SPLITS:
        predictions, references = read_outputs(shared_data / "paper" / "model_outputs", condition, split)
        ours = [rouge_l(*pair) for pair in zip(predictions, references, strict=True)]
        theirs = [reference_rouge_l(*pair) for pair in zip(predictions, references, strict=True)]
        assert ours == theirs


def test_means_agree_with_the_published_ones(shared_data: Path) -> None:
    # The published values are medians of unseeded bootstrap means, up to 0.172 from the mean.
    with (shared_data / "paper" / "rouge.csv").open(encoding="utf-8", newline="") as lines:
        published = list(csv.DictReader(lines))
    assert len(published) == len(CONDITIONS) * len(SPLITS)
    for row in published:
        outputs = read_outputs(shared_data / "paper" / "model_outputs", row["condition"], row["split"])
        assert np.mean(rouge_l_f1(*outputs)) == pytest.approx(float(row["value"]), abs=0.2)
