"""chrF: the overlap of character n-grams, which needs no words and so reads any script.

M. Popovic, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015; sacrebleu's chrF2.
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from gisteval.metrics.base import OutputMetric
from gisteval.records.schema import Example, Generation


@cache
def _scorer() -> Any:
    # sacrebleu takes a moment to import, and most commands never ask for it.
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


@lru_cache(maxsize=1 << 15)
def chrf(prediction: str, reference: str) -> float:
    """chrF2 of a prediction against one reference, in percent."""
    return float(_scorer().sentence_score(prediction, [reference]).score)


class Chrf(OutputMetric):
    """chrF2 of the output against the reference."""

    name = "chrF"
    title = "chrF"

    def value(self, generation: Generation, example: Example) -> float:
        """In percent."""
        return chrf(generation.output, example.output)
