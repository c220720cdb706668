"""The model's loss on the reference."""

from __future__ import annotations

import math

from gisteval.errors import InvalidRun
from gisteval.metrics.base import OutputMetric
from gisteval.records.schema import Example, Generation


class Nll(OutputMetric):
    """The negative log-likelihood of the reference, as the mean over its tokens."""

    name = "nll"
    title = "loss"
    unit = "nats per token"
    direction = "lower"
    high = None
    graded = False
    digits = 3

    def value(self, generation: Generation, example: Example) -> float | None:
        """Return the loss in nats per token.

        Raises:
            InvalidRun: The loss is not a finite number.
        """
        if generation.nll is not None and not math.isfinite(generation.nll):
            raise InvalidRun(
                f"{generation.system} on {generation.example}: the loss is {generation.nll}: the "
                "weights are damaged or overflow, try --dtype float32"
            )
        return generation.nll
