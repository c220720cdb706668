"""ROUGE-L, value for value that of rouge_score's `RougeScorer(["rougeL"], use_stemmer=True)`.

C.-Y. Lin, "ROUGE: a Package for Automatic Evaluation of Summaries", 2004, section 3. The tokens
are rouge_score's, from a stemmer that remembers the words it has seen; the longest common
subsequence is rapidfuzz's bit-parallel one instead of a table in Python.
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
from gisteval.metrics.base import OutputMetric, Unread
from gisteval.records.schema import Example, Generation

_WORD = re.compile("[a-z0-9]+")

NO_TOKEN = "no ASCII letter or digit, where ROUGE-L is 0 whatever the output"
"""What a reference has that ROUGE-L can't read."""


@dataclass(frozen=True, slots=True)
class RougeL:
    """ROUGE-L of one example, as fractions of 1; all three are 0 where a text has no tokens."""

    precision: float
    recall: float
    f1: float


_NO_TOKENS = RougeL(precision=0.0, recall=0.0, f1=0.0)


@cache
def _stemmer() -> Any:
    # rouge_score's own stemmer. Importing nltk takes a second, so it waits for the first long word.
    from nltk.stem.porter import PorterStemmer

    return PorterStemmer()


def unread(references: Sequence[str]) -> Unread:
    """How many of the references ROUGE-L sees no token in."""
    blind = sum(_WORD.search(reference.lower()) is None for reference in references)
    return Unread(blind, len(references), NO_TOKEN)


@lru_cache(maxsize=1 << 17)
def stemmed(word: str) -> str:
    """The stem of a lower-case ASCII word; rouge_score stems only those of more than three characters."""
    return str(_stemmer().stem(word)) if len(word) > 3 else word


def rouge_tokens(text: str) -> list[str]:
    """The tokens ROUGE compares: lower-cased runs of ASCII letters and digits, stemmed.

    A text in another script has none, so its ROUGE is 0 even against itself.
    """
    return [stemmed(word) for word in _WORD.findall(text.lower())]


@lru_cache(maxsize=1 << 15)
def rouge_l(prediction: str, reference: str) -> RougeL:
    """ROUGE-L of a prediction against one reference, as fractions of 1.

    Precision is the length of the longest common subsequence of tokens over the prediction's
    length, recall over the reference's, F1 their harmonic mean. Remembered for a while: results,
    judge and page ask for the same pairs.
    """
    return overlap(rouge_tokens(prediction), rouge_tokens(reference))


def overlap(predicted: Sequence[str], expected: Sequence[str]) -> RougeL:
    """ROUGE-L of two lists of tokens, as fractions of 1."""
    if not predicted or not expected:
        return _NO_TOKENS
    # rapidfuzz compares strings by their hashes; small integers are their own, so none collide.
    ids: dict[str, int] = {}
    common = LCSseq.similarity(
        [ids.setdefault(token, len(ids)) for token in predicted],
        [ids.setdefault(token, len(ids)) for token in expected],
    )
    if common == 0:
        return _NO_TOKENS
    precision = common / len(predicted)
    recall = common / len(expected)
    # The order of these operations is rouge_score's: it keeps the last bit the same.
    return RougeL(precision, recall, 2 * precision * recall / (precision + recall))


def rouge_l_f1(predictions: Sequence[str], references: Sequence[str]) -> npt.NDArray[np.float64]:
    """ROUGE-L F1 of each example in percent, shape (n,).

    Raises InvalidRun if there are not as many predictions as references.
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


class RougeLMetric(OutputMetric):
    """ROUGE-L F1 on stemmed words of ASCII letters and digits, as the paper has it."""

    name = "rougeL"
    title = "ROUGE-L"
    stand_in = "rougeL-unicode"

    def value(self, generation: Generation, example: Example) -> float:
        """In percent."""
        return 100 * rouge_l(generation.output, example.output).f1

    def unread(self, references: Sequence[str]) -> Unread:
        """The references without a token."""
        return unread(references)
