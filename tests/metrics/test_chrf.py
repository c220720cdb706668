"""chrF against sacrebleu itself, and against the definition where it is simple."""

from __future__ import annotations

import pytest
from sacrebleu import sentence_chrf

from gisteval.metrics.chrf import Chrf, chrf


@pytest.mark.parametrize(
    ("output", "reference"),
    [("the cat sat", "the cat sat down"), ("", "a"), ("Ünïcode", "unicode"), ("x y z", "zyx")],
)
def test_values_are_those_of_sacrebleu(output: str, reference: str) -> None:
    assert chrf(output, reference) == pytest.approx(sentence_chrf(output, [reference]).score)
    assert Chrf().of_texts(output, reference) == chrf(output, reference)


def test_equal_texts_score_100_and_foreign_ones_0() -> None:
    assert chrf("any words", "any words") == pytest.approx(100.0)
    assert chrf("aaa", "bbb") == 0.0
