"""What a margin is given in: points, a share of the controls' gap, or a share of the baseline's gain.

A share of something measured is no fixed number of points, so it is not multiplied by an estimate. The
gate tests one mean per example instead. With candidate c, baseline b, and the controls p and n:

- points M: the mean of c - b is above -M;
- s of the gap: the mean of c - b + s * (p - n) is above 0;
- r retained: the mean of (c - n) - r * (b - n) is above 0.

The last is the "fraction retention" of trials against an active control: M. Rothmann and others, "Design
and analysis of non-inferiority mortality trials in oncology", Statistics in Medicine 22, 2003. Testing the
linear form is Fieller's idea.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np

from gisteval.errors import GistevalError, InvalidRun
from gisteval.gate.measures import score_values
from gisteval.gate.sides import Side
from gisteval.gate.trust import JudgeStudies
from gisteval.gate.win_rates import win_rate_values
from gisteval.metrics import Metric
from gisteval.records.schema import Example
from gisteval.scores.facts import negatives
from gisteval.stats.samples import FloatArray

MarginKind: TypeAlias = Literal["points", "gap", "retained"]

_MARGIN = re.compile(r"(?P<size>[0-9.eE+-]+)\s*(?:%\s*(?P<kind>gap|retained))?")

FORMS = "a number such as 5, 10%gap or 90%retained"


@dataclass(frozen=True, slots=True)
class Margin:
    """How much worse the candidate may be.

    Attributes:
        size: In the metric's unit, or the share of the gap or gain that may be lost, in [0, 1].
        kind: What the size is of.
    """

    size: float
    kind: MarginKind = "points"

    @property
    def text(self) -> str:
        """The margin in words; of points the number alone."""
        if self.kind == "gap":
            return f"{100.0 * self.size:g}% of the controls' gap"
        if self.kind == "retained":
            return (
                f"{100.0 * (1.0 - self.size):g}% of the baseline's gain over the negative control retained"
            )
        return f"{self.size:g}"


def parse_margin(text: str) -> Margin:
    """Read `5`, `10%gap` or `90%retained`.

    Raises:
        GistevalError: The text is none of them, or a share is not between 0 and 100%.
    """
    match = _MARGIN.fullmatch(text.strip())
    try:
        size = float(match["size"]) if match else math.nan
    except ValueError:
        size = math.nan
    if match is None or not math.isfinite(size):
        raise GistevalError(f"--margin is {FORMS}, not {text!r}")
    if match["kind"] is None:
        return Margin(size)
    if not 0.0 < size < 100.0:
        raise GistevalError(f"--margin {text}: a share lies between 0% and 100%")
    return Margin(size / 100.0, "gap") if match["kind"] == "gap" else Margin(1.0 - size / 100.0, "retained")


@dataclass(frozen=True, slots=True)
class Allowance:
    """How much each example adds to the candidate's difference before it is tested against 0.

    Attributes:
        values: Shape (n,), in the metric's unit; NaN where a control has no value.
        reach: By how much the sum with a difference can exceed the metric's span, as a factor.
    """

    values: FloatArray
    reach: float

    @property
    def mean(self) -> float:
        """The margin in the metric's unit, as estimated here."""
        return float(np.nanmean(self.values))


def allowance(
    margin: Margin,
    metric: Metric,
    sides: tuple[Side, Side],
    split: str,
    examples: Sequence[Example],
    baseline: FloatArray,
    studies: JudgeStudies | None,
) -> Allowance | None:
    """Compute what a share of the controls' gap, or of the baseline's gain, is on each example.

    Args:
        margin: The margin.
        metric: What is compared.
        sides: The candidate and the baseline. The controls of the baseline's run are used, or else those of
            the candidate's.
        split: The split.
        examples: Its examples.
        baseline: The baseline's values, shape (n,).
        studies: The judge's verdicts, for win rates.

    Returns:
        The allowance; None for a margin in points.

    Raises:
        InvalidRun: No run has the controls.
    """
    if margin.kind == "points":
        return None
    needs_positive = margin.kind == "gap"
    for side in (sides[1], sides[0]):
        lower, upper = negatives(side.run).get(side.system), side.run.references.get(side.system)
        if lower is not None and (upper is not None or not needs_positive):
            break
    else:
        raise InvalidRun(
            f"--margin is {margin.text}, but {sides[1].run.path} has no "
            f"{'controls' if needs_positive else 'negative control'}: give --margin in points"
        )

    def values(system: str) -> FloatArray:
        of = Side(side.run, system)
        if studies is None:
            return metric.sign * score_values(of, split, examples, metric).values
        return metric.sign * win_rate_values(of, split, examples, studies.study(side)).values

    negative = values(lower)
    if needs_positive:
        assert upper is not None
        return Allowance(margin.size * (values(upper) - negative), 1.0 + margin.size)
    return Allowance(margin.size * (metric.sign * baseline - negative), 1.0)
