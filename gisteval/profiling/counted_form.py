"""The FLOPs of a decoder-only model without a closed form, as a function of the lengths of its passes.

The FLOPs of matrix products are a polynomial of the lengths. Projections grow with the q tokens that are
run, attention scores with q (q + p) behind p cached slots, and the output matrix costs the same at every
position. Five tiny passes on the meta device give the exact coefficients, and a larger pass checks them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from gisteval.errors import GistevalError
from gisteval.profiling.meta import Pass


@dataclass(frozen=True, slots=True)
class CountedForm:
    """FLOPs as once + token q + slot p + score q (q + p) + logit n.

    q tokens are run behind p cached slots, and n positions go through the output matrix.
    """

    once: int
    token: int
    slot: int
    score: int
    logit: int

    def forward(self, tokens: int, cached: int, logits: int) -> int:
        """Return the FLOPs of one pass of one row: `tokens` behind `cached` slots, 0 without tokens."""
        if tokens == 0:
            return 0
        scores = self.score * tokens * (tokens + cached)
        return self.once + self.token * tokens + self.slot * cached + scores + self.logit * logits

    def decode(self, tokens: int, cached: int, steps: int) -> int:
        """Return the FLOPs of `steps` more tokens, one pass each, after such a pass."""
        return sum(self.forward(1, cached + tokens + step, 1) for step in range(steps))


def counted_form(name: str, count: Callable[[Pass], int]) -> CountedForm:
    """Find the coefficients of a model's FLOPs.

    Args:
        name: Name of the model, for an error message.
        count: Gives the FLOPs of one pass of one row, such as `OperatorCounter.matrix`.

    Raises:
        GistevalError: A larger pass costs something else, so the FLOPs depend on more than lengths.
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
