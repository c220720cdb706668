"""Metrics that need nothing but the two strings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gisteval.metrics.base import ControlMetric, FloatArray, OutputMetric
from gisteval.records.schema import Example, Generation


def exact_match(prediction: str, reference: str) -> bool:
    """Whether the texts are the same once white space is stripped from both ends.

    Otherwise strict: case, punctuation, inner white space and Unicode normal form all count.
    """
    return prediction.strip() == reference.strip()


def word_count(text: str) -> int:
    """Length in words, that is in runs of characters other than white space."""
    return len(text.split())


class ExactMatch(OutputMetric):
    """Share of outputs that are the reference."""

    name = "exact_match"
    title = "exact match"

    def value(self, generation: Generation, example: Example) -> float:
        """100 or 0."""
        return 100.0 * exact_match(generation.output, example.output)


class ControlMatch(ControlMetric):
    """Share of outputs that are the positive control's, among the examples that it answered."""

    name = "exact_match_pos"
    title = "= pos. control"
    paired = False

    def between(self, ours: Sequence[str | None], theirs: Sequence[str | None]) -> FloatArray:
        """100 or 0; NaN where the control has no output."""
        pairs = zip(ours, theirs, strict=True)
        return np.array([np.nan if other is None else 100.0 * (own == other) for own, other in pairs])


class Length(OutputMetric):
    """Words of the output."""

    name = "length"
    title = "length"
    unit = "words"
    direction = "neither"
    high = None
    graded = False
    paired = False

    def value(self, generation: Generation, example: Example) -> float:
        """In words."""
        return float(word_count(generation.output))
