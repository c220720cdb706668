"""What every measure says of itself: its name, unit, range and direction, and the value of one example.

A measure is a class. Its kind says where its values come from: an output (`OutputMetric`), an output beside
the positive control's (`ControlMetric`), other measures' means (`RatioMetric`) or a judge's verdicts
(`JudgedMetric`). Tables, figures, claims, the gate and the comparison take labels, units, ranges and
intervals from the class.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from gisteval.errors import counted
from gisteval.records.schema import Example, Generation

FloatArray: TypeAlias = npt.NDArray[np.float64]

Direction = Literal["higher", "lower", "neither"]
"""Which values are better."""

Interval = Literal["bounded", "unbounded"]
"""Bounded: `stats.bounded`, for values with a known range. Unbounded: `stats.intervals`."""

MOST_UNREADABLE = 0.1
"""Share of references that a metric can't read above which it says nothing of a split.

They count as equal on both sides, so a difference shrinks by that share. The paper's numbers include
0.7% of them at most.
"""


@dataclass(frozen=True, slots=True)
class Unread:
    """References in which a metric sees nothing, so that every output scores 0 on them."""

    count: int
    total: int
    why: str = "nothing that the metric reads"

    @property
    def too_many(self) -> bool:
        """Whether the metric can't be used at all."""
        return self.count > MOST_UNREADABLE * self.total

    def __bool__(self) -> bool:
        return self.count > 0

    def __str__(self) -> str:
        have = "has" if self.count == 1 else "have"
        return f"{self.count} of {counted(self.total, 'reference')} {have} {self.why}"


class Metric(ABC):
    """A measure. A subclass sets the attributes below where the defaults, those of a score, don't hold.

    Attributes:
        name: In rows, files and options.
        title: In tables and figures.
        unit: Of its values.
        direction: Which values are better.
        low: The lower end of its range, None where there is none.
        high: The upper end.
        graded: Whether it grades the answer, so that an example without an output gets the worst value.
            What is measured on outputs leaves such an example out.
        paired: Whether it is compared with the controls, and so has a retention.
        compared: Whether `gisteval compare` shows it unless told otherwise.
        digits: Decimals in tables.
        stand_in: The metric that takes its place where it can't read the references.
        version: To be raised when a value changes, so that stored values are computed again.
    """

    name: ClassVar[str]
    title: ClassVar[str]
    unit: ClassVar[str] = "percent"
    direction: ClassVar[Direction] = "higher"
    low: ClassVar[float | None] = 0.0
    high: ClassVar[float | None] = 100.0
    graded: ClassVar[bool] = True
    paired: ClassVar[bool] = True
    compared: ClassVar[bool] = True
    digits: ClassVar[int] = 1
    stand_in: ClassVar[str | None] = None
    version: ClassVar[int] = 1

    @property
    def interval(self) -> Interval:
        """The kind of its interval: bounded where both ends of the range are known."""
        return "unbounded" if self.span is None else "bounded"

    @property
    def span(self) -> float | None:
        """The largest difference of two values; None without a range."""
        return None if self.low is None or self.high is None else self.high - self.low

    @property
    def sign(self) -> float:
        """-1 where lower values are better, else 1."""
        return -1.0 if self.direction == "lower" else 1.0

    @property
    def worst(self) -> float | None:
        """The worst value; None where there is none."""
        return self.high if self.direction == "lower" else self.low

    @property
    def best(self) -> float | None:
        """The best value; None where there is none."""
        return self.low if self.direction == "lower" else self.high

    @property
    def without_output(self) -> float:
        """The value of an example without an output; NaN where it is left out."""
        return self.worst if self.graded and self.worst is not None else math.nan

    @property
    def axis(self) -> str:
        """The label of an axis."""
        return f"{self.title}, %" if self.unit == "percent" else f"{self.title}, {self.unit}"

    def unread(self, references: Sequence[str]) -> Unread:
        """The references that the metric can't read; all can be read unless a subclass says otherwise."""
        return Unread(0, len(references))


class OutputMetric(Metric):
    """A measure of one output."""

    @abstractmethod
    def value(self, generation: Generation, example: Example) -> float | None:
        """The value of one output in the metric's unit, or None where it is not known.

        Args:
            generation: The record of the output.
            example: The example it answers. Its `output` is the reference that this output came with.
        """


class ControlMetric(Metric):
    """A measure of one output beside the positive control's on the same example."""

    @abstractmethod
    def between(self, ours: Sequence[str | None], theirs: Sequence[str | None]) -> FloatArray:
        """The value of each example, shape (n,); NaN where the control has no output.

        Args:
            ours: A digest of each of the system's outputs (`SystemScores.outputs`), None without one.
            theirs: The same of the positive control.
        """


class RatioMetric(Metric):
    """A ratio of two means over all examples."""

    @abstractmethod
    def parts(self, columns: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray] | None:
        """The values above and below the line of each example, shape (n,) each; None where none is known.

        Args:
            columns: Values of the output metrics by name, shape (n,) each, NaN where there is none.
        """


class JudgedMetric(Metric):
    """A measure made of a judge's verdicts (`gisteval.judging`)."""


def percentages(metric: Metric, values: FloatArray) -> FloatArray:
    """Values of a bounded metric on a scale from 0 (low) to 100 (high)."""
    if metric.low == 0.0 and metric.high == 100.0:
        return values
    assert metric.low is not None and metric.span is not None
    return 100.0 * (np.asarray(values) - metric.low) / metric.span
