"""The reference judge: which output is nearer to the reference output, by ROUGE-L and chrF.

Each score is divided by a fixed scale of the judge, and the two are averaged. The difference of two such
averages is a difference of mean z-scores, since the means cancel. A fixed scale keeps each verdict
independent of the other examples.
"""

from __future__ import annotations

import json
from functools import lru_cache

from sacrebleu.metrics.chrf import CHRF

from gisteval.judging.protocol import Comparison
from gisteval.metrics import rouge_l

_CHRF = CHRF()


@lru_cache(maxsize=1 << 16)
def _scores(output: str, reference: str) -> tuple[float, float]:
    """Return ROUGE-L (F1, with stemmer) and chrF2 in percent, rounded to 0.01."""
    chrf = _CHRF.sentence_score(output, [reference]).score
    return round(100 * rouge_l(output, reference).f1, 2), round(chrf, 2)


def reference_reply(comparison: Comparison) -> str:
    """Return the scores of both outputs as JSON, the system's first: {"rougeL": [a, b], "chrF": [a, b]}."""
    return reply_on(comparison.ours, comparison.theirs, comparison.example.output)


def reply_on(output_a: str, output_b: str, reference: str) -> str:
    """Return what `reference_reply` does, from the texts alone."""
    ours, theirs = (_scores(output, reference) for output in (output_a, output_b))
    return json.dumps({"rougeL": [ours[0], theirs[0]], "chrF": [ours[1], theirs[1]]})
