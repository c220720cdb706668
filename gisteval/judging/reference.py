"""The reference judge: which output is nearer to the reference output, by ROUGE-L and chrF.

Both scores are divided by a fixed scale (the judge's) and averaged, which is a mean of z-scores: the means
cancel in a difference, and a fixed scale keeps each verdict independent of the other examples.
"""

from __future__ import annotations

import json
from functools import lru_cache

from sacrebleu.metrics.chrf import CHRF

from gisteval.judging.protocol import Look
from gisteval.metrics import rouge_l

_CHRF = CHRF()


@lru_cache(maxsize=1 << 16)
def _scores(output: str, reference: str) -> tuple[float, float]:
    """ROUGE-L (F1, stemmer) and chrF2, both in percent, rounded to 0.01."""
    chrf = _CHRF.sentence_score(output, [reference]).score
    return round(100 * rouge_l(output, reference).f1, 2), round(chrf, 2)


def reference_reply(look: Look) -> str:
    """The scores of both outputs as JSON, the system's first: {"rougeL": [a, b], "chrF": [a, b]}."""
    return reply_on(look.ours, look.theirs, look.example.output)


def reply_on(output_a: str, output_b: str, reference: str) -> str:
    """`reference_reply` on texts."""
    ours, theirs = (_scores(output, reference) for output in (output_a, output_b))
    return json.dumps({"rougeL": [ours[0], theirs[0]], "chrF": [ours[1], theirs[1]]})
