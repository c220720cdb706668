"""The FLOPs of a decoder-only model without closed form, as a function of the lengths of its passes.

Matrix products are a polynomial of the lengths: projections grow with the q tokens that are run, scores
with q (q + p) behind p cached slots, and the output matrix costs the same for every position it is run on.
Five tiny passes on the meta device give the coefficients, exactly; a larger one is held against them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gisteval.errors import GistevalError
from gisteval.profiling.meta import Pass


@dataclass(frozen=True, slots=True)
class CountedForm:
    """FLOPs: once + token q + slot p + score q (q + p) + logit n, n positions through the output matrix."""

    once: int
    token: int
    slot: int
    score: int
    logit: int

    def forward(self, tokens: int, cached: int, logits: int) -> int:
        """One pass of one row: `tokens` behind `cached` slots; nothing for no tokens."""
        if tokens == 0:
            return 0
        scores = self.score * tokens * (tokens + cached)
        return self.once + self.token * tokens + self.slot * cached + scores + self.logit * logits

    def decode(self, tokens: int, cached: int, steps: int) -> int:
        """`steps` more tokens, one pass each, after a pass of `tokens` behind `cached` slots."""
        return sum(self.forward(1, cached + tokens + step, 1) for step in range(steps))


def counted_form(name: str, count: Callable[[Pass], int]) -> CountedForm:
    """count: FLOPs of one pass of one row, such as `OperatorCounter.matrix`. name: for an error.

    Raises GistevalError if a pass is not what the form says: its cost depends on more than lengths.
    """
    one, two, three = (count(Pass(tokens, 0, logits=0)) for tokens in (1, 2, 3))
    behind = count(Pass(1, 1, logits=0))
    logit = count(Pass(1, 0, logits=1)) - one
    score = (three - 2 * two + one) // 2
    token = two - one - 3 * score
    form = CountedForm(one - token - score, token, behind - one - score, score, logit)
    if count(Pass(4, 9, logits=1)) != form.forward(4, 9, 1):
        raise GistevalError(f"{name}: its FLOPs do not follow from the lengths of its passes")
    return form
