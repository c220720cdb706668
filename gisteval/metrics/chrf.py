"""chrF: an F-score of character n-grams. It needs no words, so it reads any script.

Source: M. Popovic, "chrF: character n-gram F-score for automatic MT evaluation", WMT 2015. The values are
those of sacrebleu's chrF2 (n-grams of up to 6 characters, beta 2).
"""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any

from gisteval.metrics.base import TextMetric


@cache
def _scorer() -> Any:
    # Importing sacrebleu takes a moment, and most commands don't need it.
    from sacrebleu.metrics.chrf import CHRF

    return CHRF()


@lru_cache(maxsize=1 << 15)
def chrf(prediction: str, reference: str) -> float:
    """Return chrF2 of a prediction against one reference, in percent."""
    return float(_scorer().sentence_score(prediction, [reference]).score)


class Chrf(TextMetric):
    """chrF2 of the output against the reference."""

    name = "chrF"
    title = "chrF"

    def of_texts(self, output: str, reference: str) -> float:
        """Return chrF2 in percent."""
        return chrf(output, reference)
