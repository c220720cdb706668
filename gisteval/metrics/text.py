"""Exact matches and the length of an output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gisteval.metrics.base import ControlMetric, FloatArray, OutputMetric, TextMetric
from gisteval.records.schema import Example, Generation


def exact_match(prediction: str, reference: str) -> bool:
    """Say whether the texts are equal except for white space at their ends.

    Case, punctuation, inner white space and Unicode normal form all count.
    """
    return prediction.strip() == reference.strip()


def word_count(text: str) -> int:
    """Count the words of a text, that is its runs of characters other than white space."""
    return len(text.split())


class ExactMatch(TextMetric):
    """The share of outputs that equal the reference."""

    name = "exact_match"
    title = "exact match"
    checks = True

    def of_texts(self, output: str, reference: str) -> float:
        """Return 100 or 0."""
        return 100.0 * exact_match(output, reference)


class ControlMatch(ControlMetric):
    """The share of outputs that equal the positive control's, among the examples that it answered."""

    name = "exact_match_pos"
    title = "= pos. control"
    paired = False

    def between(self, ours: Sequence[str | None], theirs: Sequence[str | None]) -> FloatArray:
        """Return 100 or 0 for each example; NaN where the control has no output."""
        pairs = zip(ours, theirs, strict=True)
        return np.array(
            [np.nan if control is None else 100.0 * (text == control) for text, control in pairs]
        )


class Length(OutputMetric):
    """The number of words of the output."""

    name = "length"
    title = "length"
    unit = "words"
    direction = "neither"
    high = None
    graded = False
    paired = False

    def value(self, generation: Generation, example: Example) -> float:
        """Return the number of words."""
        return float(word_count(generation.output))
