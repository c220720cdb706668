"""Answers drawn at random, by hashes of what is asked: so neither order nor batch changes an answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gisteval.models.running.continuation import Pick
from gisteval.records.schema import Example, digest

DIGEST_BITS = 128
BITS = 52
"""Bits of a uniform number, the first ones of a digest. With one more it could round to 1 times a sum."""

PIECE = 2**24
"""Probabilities that are held at a time."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are drawn.

    Attributes:
        temperature: What logits are divided by, above 0.
        seed: Of the draws.
    """

    temperature: float
    seed: int = 0

    def uniform(self, answer: str, step: int) -> float:
        """A number in [0, 1) that a hash of the answer's id, the step and the seed decides.

        The system is no part of it. So systems that are compared draw with common random numbers, and equal
        distributions give equal answers, which makes paired differences less noisy (P. Glasserman, "Monte
        Carlo Methods in Financial Engineering", 2003, section 7.1).
        """
        number = int(digest(["draw", str(self.seed), answer, str(step)]), 16)
        return (number >> DIGEST_BITS - BITS) / (1 << BITS)

    def pick(self, examples: Sequence[Example]) -> Pick:
        """What chooses the tokens of the answers to some examples, a row each."""
        answers = [example.answer_id for example in examples]

        def choose(rows: Tensor, logits: Tensor, step: int) -> Tensor:
            numbers = [self.uniform(answers[row], step) for row in rows.tolist()]
            return draw(logits, self.temperature, torch.tensor(numbers, dtype=torch.float64))

        return choose


def draw(logits: Tensor, temperature: float, uniform: Tensor) -> Tensor:
    """Tokens from softmax(logits / temperature), by inversion of its distribution function.

    The tokens keep the order of the vocabulary. In an order by probability, rounding could swap two tokens
    that are about equally likely, and with them the choice.

    Args:
        logits: (rows, vocabulary); a token of -inf is never drawn.
        temperature: Above 0.
        uniform: (rows,), in [0, 1).

    Returns:
        Token ids, (rows,), on the logits' device. In a row that has no distribution, since a logit is NaN
        or inf, it is that token.
    """
    step = max(1, PIECE // logits.shape[-1])
    pieces = zip(torch.split(logits, step), torch.split(uniform, step), strict=True)
    return torch.cat([_drawn(part, temperature, numbers) for part, numbers in pieces])


def _drawn(logits: Tensor, temperature: float, uniform: Tensor) -> Tensor:
    # Doubles keep the rounding of sums over the vocabulary out of the choice; some devices have none.
    place = "cpu" if logits.device.type == "mps" else logits.device
    scores = logits.to(place).double()
    shares = ((scores - scores.amax(-1, keepdim=True)) / temperature).softmax(-1)
    below = shares.cumsum(-1)
    chosen = (below <= uniform.to(place)[:, None] * below[:, -1:]).sum(-1)
    return torch.where(below[:, -1].isfinite(), chosen, scores.argmax(-1)).to(logits.device)
