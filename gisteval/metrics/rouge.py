"""ROUGE-L with exactly the values of rouge_score's `RougeScorer(["rougeL"], use_stemmer=True)`.

Source: C.-Y. Lin, "ROUGE: a Package for Automatic Evaluation of Summaries", 2004, section 3. The tokens
are those of rouge_score; the stems of words are cached. rapidfuzz computes the longest common subsequence
with a bit-parallel algorithm, which is faster than a table in Python.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from rapidfuzz.distance import LCSseq

from gisteval.errors import InvalidRun
from gisteval.metrics.base import TextMetric, Unread

_WORD = re.compile("[a-z0-9]+")

NO_TOKEN = "no ASCII letter or digit, where ROUGE-L is 0 whatever the output"
"""Why ROUGE-L can't read a reference, as the end of a sentence."""


@dataclass(frozen=True, slots=True)
class RougeL:
    """ROUGE-L of one example, as fractions of 1. All three are 0 if one of the texts has no tokens."""

    precision: float
    recall: float
    f1: float


_NO_TOKENS = RougeL(precision=0.0, recall=0.0, f1=0.0)


@cache
def _stemmer() -> Any:
    # The stemmer that rouge_score uses. Importing nltk takes a second, so it is imported on first use.
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


def unread(references: Sequence[str]) -> Unread:
    """Count the references in which ROUGE-L finds no token."""
    blind = sum(_WORD.search(reference.lower()) is None for reference in references)
    return Unread(blind, len(references), NO_TOKEN)


@lru_cache(maxsize=1 << 17)
def stemmed(word: str) -> str:
    """Return the stem of a lower-case ASCII word. As in rouge_score, short words (up to 3 letters) stay."""
    return str(_stemmer().stem(word)) if len(word) > 3 else word


def rouge_tokens(text: str) -> list[str]:
    """Return the tokens that ROUGE compares: lower-cased runs of ASCII letters and digits, stemmed.

    A text in another script has no tokens, so its ROUGE is 0 even against itself.
    """
    return [stemmed(word) for word in _WORD.findall(text.lower())]


@lru_cache(maxsize=1 << 15)
def rouge_l(prediction: str, reference: str) -> RougeL:
    """Return ROUGE-L of a prediction against one reference, as fractions of 1.

    Precision is the length of the longest common subsequence of tokens divided by the prediction's length,
    recall is the same length divided by the reference's, and F1 is their harmonic mean. Values are cached,
    since results, judge and page ask for the same pairs.
    """
    return overlap(rouge_tokens(prediction), rouge_tokens(reference))


def overlap(predicted: Sequence[str], expected: Sequence[str]) -> RougeL:
    """Return ROUGE-L of two lists of tokens, as fractions of 1."""
    if not predicted or not expected:
        return _NO_TOKENS
    # rapidfuzz compares hashes. A small integer is its own hash, so no two tokens collide.
    ids: dict[str, int] = {}
    common = LCSseq.similarity(
        [ids.setdefault(token, len(ids)) for token in predicted],
        [ids.setdefault(token, len(ids)) for token in expected],
    )
    if common == 0:
        return _NO_TOKENS
    precision = common / len(predicted)
    recall = common / len(expected)
    # The order of operations is that of rouge_score, so that the last bit is the same.
    return RougeL(precision, recall, 2 * precision * recall / (precision + recall))


def rouge_l_f1(predictions: Sequence[str], references: Sequence[str]) -> npt.NDArray[np.float64]:
    """Return ROUGE-L F1 of each example in percent, shape (n,).

    Raises:
        InvalidRun: The numbers of predictions and references differ.
    """
    if len(predictions) != len(references):
        raise InvalidRun(
            f"{len(predictions)} predictions but {len(references)} references: "
            "ROUGE-L needs one reference for each prediction"
        )
    scores = (
        rouge_l(prediction, reference).f1
        for prediction, reference in zip(predictions, references, strict=True)
    )
    return 100.0 * np.fromiter(scores, dtype=np.float64, count=len(predictions))


class RougeLMetric(TextMetric):
    """ROUGE-L F1 on stemmed words of ASCII letters and digits, as in the paper."""

    name = "rougeL"
    title = "ROUGE-L"
    stand_in = "rougeL-unicode"

    def of_texts(self, output: str, reference: str) -> float:
        """Return F1 in percent."""
        return 100 * rouge_l(output, reference).f1

    def unread(self, references: Sequence[str]) -> Unread:
        """Count the references without a token."""
        return unread(references)
