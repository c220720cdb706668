"""Quality by what examples are grouped by: length, depth, number of facts, and parts of a split."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from gisteval.metrics import OutputMetric, metric
from gisteval.records.schema import Estimate, Example
from gisteval.report.layout import Table
from gisteval.report.samples import Sample, Samples
from gisteval.report.tables import interval_text
from gisteval.scores.comparison import mean_of

MOST_DEPTHS = 11
"""More depths than these are put into ranges."""

RANGES = 5

TITLES = {
    "length": "length of the prompt",
    "depth": "depth of the answer, %",
    "facts": "facts in the prompt",
    "part": "part",
}
"""Fields of an example that a report groups by, with their titles."""


@dataclass(frozen=True, slots=True)
class Level:
    """One value of a grouping.

    Attributes:
        label: Its text.
        place: Where it stands on an axis; the number itself, the middle of a range, or a count of parts.
        holds: Says whether an example belongs to it.
    """

    label: str
    place: float
    holds: Callable[[Example], bool]


def levels(column: str, examples: Iterable[Example]) -> list[Level]:
    """The levels of a field of `TITLES`, ascending; empty if no example has it."""
    values = {getattr(example, column) for example in examples} - {None}
    if column == "part":
        return [_equal(column, value, str(value), place) for place, value in enumerate(sorted(values))]
    if column == "depth" and len(values) > MOST_DEPTHS:
        width = 100 / RANGES
        return [_range(place * width, (place + 1) * width) for place in range(RANGES)]
    return [_equal(column, value, f"{value:g}", value) for value in sorted(values)]


def _equal(column: str, value: object, label: str, place: float) -> Level:
    return Level(label, float(place), lambda example: getattr(example, column) == value)


def _range(low: float, high: float) -> Level:
    def holds(example: Example) -> bool:
        depth = example.depth
        return depth is not None and (low <= depth < high or depth == high == 100)

    return Level(f"{low:g} to {high:g}", (low + high) / 2, holds)


def group_estimate(samples: Samples, system: str, members: Sequence[Sample]) -> Estimate | None:
    """The mean of the leading metric over some samples, with its interval; None without a value.

    An example without an output counts as the worst value, as in the main table.
    """
    measured = metric(samples.leading)
    values, clusters = [], []
    for sample in members:
        if isinstance(measured, OutputMetric) and not measured.applies_to(sample.example):
            continue
        output = sample.outputs.get(system)
        value = measured.without_output if output is None else output.score
        if value is not None and not np.isnan(value):
            values.append(value)
            clusters.append(sample.example.instruction)
    return mean_of(measured, np.array(values, dtype=np.float64), clusters) if values else None


def group_tables(samples: Samples) -> list[Table]:
    """Build a table for each grouping that has two levels or more on some split."""
    measured = metric(samples.leading)
    tables = []
    for column, title in TITLES.items():
        rows: list[tuple[str, ...]] = []
        for split in samples.splits:
            here = [sample for sample in samples.samples if sample.example.split == split]
            found = levels(column, (sample.example for sample in here))
            for system in samples.systems if len(found) > 1 else ():
                if not any(system.name in sample.outputs for sample in here):
                    continue
                for level in found:
                    members = [sample for sample in here if level.holds(sample.example)]
                    estimate = group_estimate(samples, system.name, members)
                    if estimate is not None:
                        ends = estimate.ci_low, estimate.ci_high
                        score = interval_text(estimate.value, *ends, measured.digits)
                        rows.append((split, system.name, level.label, score, str(estimate.n)))
        tables.append(
            Table(
                f"by-{column}",
                f"{measured.title} by {title}",
                ("split", "system", title, measured.title, "n"),
                tuple(rows),
                "Each interval is of its own row alone. An example without an output counts as the worst.",
            )
        )
    return [table for table in tables if table.rows]
