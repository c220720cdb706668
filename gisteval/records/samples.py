"""Several answers to one example: how many are drawn, and which one is asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from gisteval.errors import GistevalError
from gisteval.records.schema import Example

MOST_SAMPLES = 1_000
"""Answers that are drawn for one example."""


def drawn_samples(samples: int, temperature: float) -> int | None:
    """How many answers are drawn for each example; None where answers are greedy.

    Raises:
        GistevalError: For a temperature that is no number, or for samples that are all the same.
    """
    if not math.isfinite(temperature):
        raise GistevalError(f"temperature must be a number from 0 on, not {temperature}")
    if samples > 1 and not temperature:
        raise GistevalError(
            f"--samples {samples} needs --temperature, such as 0.7: at 0 all answers are the same"
        )
    return samples if temperature else None


def sampled(examples: Iterable[Example], samples: int | None) -> Iterator[Example]:
    """Each example as often as it is answered, its samples in a row. samples: None for greedy answers."""
    for example in examples:
        if samples is None:
            yield example
        else:
            yield from (replace(example, sample=number) for number in range(samples))


def drawn_notes(samples: int | None, temperature: float) -> Iterator[str]:
    """What every report must say of drawn answers; nothing of greedy ones."""
    if samples is None:
        return
    if samples == 1:
        yield f"Answers are drawn at temperature {temperature:g}, one to each example."
    else:
        yield (
            f"Answers are drawn at temperature {temperature:g}, {samples} to each example. An example "
            "counts with their mean, and texts that are shown are the first ones."
        )
