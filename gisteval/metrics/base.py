"""The base classes of metrics.

A metric is a class that states its name, unit, range and direction, and computes the value of one example.
Its base class says where the values come from: an output and its reference (`TextMetric`), the record of an
output (`OutputMetric`), an output beside the positive control's (`ControlMetric`), the means of other
metrics (`RatioMetric`) or a judge's verdicts (`JudgedMetric`). Tables, figures, claims, the gate and the
comparison take labels, units, ranges and intervals from the class.
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

Texts: TypeAlias = Sequence[str | None]
"""A digest of each of an example's outputs, by the number of the sample; None for one that is missing."""

Direction = Literal["higher", "lower", "neither"]
"""Which values are better."""

Interval = Literal["bounded", "unbounded"]
"""Bounded: the interval of `stats.bounded`, for values in a known range. Unbounded: `stats.intervals`."""

MOST_UNREADABLE = 0.1
"""A metric is not used on a split if it can't read more than this share of the references.

Unreadable references score 0 for every system, so they shrink each difference by their share. The paper's
numbers include at most 0.7% of them.
"""


@dataclass(frozen=True, slots=True)
class Unread:
    """The references that a metric can't read, so that every output scores 0 on them.

    Attributes:
        count: How many there are.
        total: How many references there are in all.
        why: What those references have, as the end of a sentence.
    """

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
    """A metric. The defaults are those of a score in percent; a subclass sets the attributes that differ.

    Attributes:
        name: The name in rows, files and options.
        title: The name in tables and figures.
        unit: The unit of its values.
        direction: Which values are better.
        low: The lower end of its range, or None.
        high: The upper end of its range, or None.
        graded: Whether it grades the answer. An example without an output then gets the worst value. A
            metric that does not grade leaves such an example out.
        paired: Whether it is compared with the controls. It then has a difference and a retention.
        compared: Whether `gisteval compare` shows it by default.
        digits: The number of decimals in tables.
        checks: Whether it only says right or wrong: its value is 100 or 0.
        stand_in: The name of the metric that replaces it if it can't read the references.
        version: Raise it when a value changes. Stored values are then computed again.
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
    checks: ClassVar[bool] = False
    stand_in: ClassVar[str | None] = None
    version: ClassVar[int] = 1

    @property
    def interval(self) -> Interval:
        """The kind of its interval: bounded if both ends of the range are known."""
        return "unbounded" if self.span is None else "bounded"

    @property
    def span(self) -> float | None:
        """The largest possible difference of two values; None without a range."""
        return None if self.low is None or self.high is None else self.high - self.low

    @property
    def sign(self) -> float:
        """-1 if lower values are better, else 1."""
        return -1.0 if self.direction == "lower" else 1.0

    @property
    def worst(self) -> float | None:
        """The worst possible value, or None."""
        return self.high if self.direction == "lower" else self.low

    @property
    def best(self) -> float | None:
        """The best possible value, or None."""
        return self.low if self.direction == "lower" else self.high

    @property
    def without_output(self) -> float:
        """The value of an example without an output; NaN if such an example is left out."""
        return self.worst if self.graded and self.worst is not None else math.nan

    @property
    def axis(self) -> str:
        """The label of an axis."""
        return f"{self.title}, %" if self.unit == "percent" else f"{self.title}, {self.unit}"

    def unread(self, references: Sequence[str]) -> Unread:
        """Count the references that the metric can't read. By default it reads all of them."""
        return Unread(0, len(references))


class Measurement(Metric):
    """A metric that measures and doesn't judge: unbounded, and compared with nothing unless asked for."""

    direction = "neither"
    high = None
    graded = False
    paired = False
    compared = False


class ExampleMetric(Metric):
    """A metric that has a value for each example of a system, whatever the other systems do."""

    def applies_to(self, example: Example) -> bool:
        """Say whether an example can have a value at all. By default every one can.

        Examples that can't are left out of the metric, whether they have an output or not.
        """
        return True


class OutputMetric(ExampleMetric):
    """A metric of the record of one output. An example of several outputs has the mean of their values."""

    @abstractmethod
    def value(self, generation: Generation, example: Example) -> float | None:
        """Return the value of one output in the metric's unit, or None if it is not known.

        Args:
            generation: The record of the output.
            example: The example that it answers. `example.output` is the reference for this output.
        """


class TextMetric(OutputMetric):
    """A metric of an output's text and its reference, which needs nothing else of the record."""

    @abstractmethod
    def of_texts(self, output: str, reference: str) -> float:
        """Return the value of one output against its reference, in the metric's unit."""

    def value(self, generation: Generation, example: Example) -> float:
        """Return the value of a recorded output. See `OutputMetric.value`."""
        return self.of_texts(generation.output, example.output)


class ControlMetric(Metric):
    """A metric that compares an output with the positive control's output on the same example."""

    @abstractmethod
    def between(self, ours: Sequence[str | None], theirs: Sequence[str | None]) -> FloatArray:
        """Return the value of each example, shape (n,); NaN where the control has no output.

        Args:
            ours: A digest of each output of the system (`SystemScores.outputs`), None without an output.
            theirs: The digests of the positive control's outputs, in the same order.
        """

    def between_samples(self, ours: Sequence[Texts], theirs: Sequence[Texts]) -> FloatArray:
        """Return the mean of `between` over an example's samples, which are paired by their numbers.

        Args:
            ours: The digests of each example's outputs by sample, empty without an output.
            theirs: Those of the positive control.
        """
        columns = [
            self.between([_at(texts, sample) for texts in ours], [_at(texts, sample) for texts in theirs])
            for sample in range(max((len(texts) for texts in (*ours, *theirs)), default=0))
        ]
        if not columns:
            return np.full(len(ours), math.nan)
        known = ~np.isnan(columns)
        counts = known.sum(axis=0)
        sums = np.where(known, columns, 0.0).sum(axis=0)
        return np.where(counts > 0, sums / np.maximum(counts, 1), math.nan)


class RatioMetric(Metric):
    """A metric that is the ratio of two means over all examples."""

    @abstractmethod
    def parts(self, columns: Mapping[str, FloatArray]) -> tuple[FloatArray, FloatArray] | None:
        """Return the numerator and the denominator of each example, shape (n,) each; None if unknown.

        Args:
            columns: The values of the output metrics by name, shape (n,) each, NaN where there is none.
        """


class JudgedMetric(Metric):
    """A metric that is computed from a judge's verdicts (`gisteval.judging`)."""


def _at(texts: Texts, sample: int) -> str | None:
    return texts[sample] if sample < len(texts) else None


def percentages(metric: Metric, values: FloatArray) -> FloatArray:
    """Rescale the values of a bounded metric to 0 (its low end) to 100 (its high end)."""
    if metric.low == 0.0 and metric.high == 100.0:
        return values
    assert metric.low is not None and metric.span is not None
    return 100.0 * (np.asarray(values) - metric.low) / metric.span
