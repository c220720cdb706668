"""The examples whose values changed most between two systems."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gisteval.records.schema import Example
from gisteval.scores.lines import ScoredOutput
from gisteval.stats.samples import FloatArray


@dataclass(frozen=True, slots=True)
class Change:
    """One of the examples whose values of the leading metric differ most."""

    split: str
    example: str
    instruction: str
    input: str
    reference: str
    first: str
    second: str
    difference: float


Pair = tuple[FloatArray, FloatArray]
"""The values of both sides in the order of the examples, shape (n,) each, NaN where unknown."""


Outputs = Mapping[str, ScoredOutput]


def _text(outputs: Outputs, example: Example) -> str:
    output = outputs.get(example.content_id)
    return "(no output)" if output is None else output.generation.output


def most_changed(
    split: str,
    pair: Pair,
    examples: Sequence[Example],
    ours: Outputs,
    theirs: Outputs,
    changed: int,
) -> list[Change]:
    """List the examples of a split that changed most, the largest change first.

    Args:
        split: The split.
        pair: Both sides' values of the leading metric.
        examples: The examples of the split.
        ours: The first side's outputs.
        theirs: The second side's outputs.
        changed: The largest number of examples.
    """
    difference = pair[0] - pair[1]
    size = np.abs(np.nan_to_num(difference))
    order = [i for i in np.argsort(-size, kind="stable")[:changed] if size[i] > 0.0]
    return [
        Change(
            split=split,
            example=examples[i].id,
            instruction=examples[i].instruction,
            input=examples[i].input,
            reference=examples[i].output,
            first=_text(ours, examples[i]),
            second=_text(theirs, examples[i]),
            difference=float(difference[i]),
        )
        for i in order
    ]
