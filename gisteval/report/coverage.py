"""Simulated coverage of a run's own intervals: `<run>/coverage.json`, its table and its sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gisteval.errors import GistevalError, counted
from gisteval.files.foreign import read_json
from gisteval.metrics import metric as find_metric
from gisteval.records.json_object import Count, JsonObject, Name, reader_of
from gisteval.records.run_folder import RunFolder
from gisteval.report.layout import Table
from gisteval.report.long_values import LongColumn, long_columns
from gisteval.stats.coverage import simulate_coverage

FILE = "coverage.json"

NOMINAL = 95.0
"""Percent of the samples that an interval should cover."""


@dataclass(frozen=True)
class Covered(JsonObject):
    """How often the interval of one number covers the truth on data shaped like the run's.

    Attributes:
        metric: The metric's name.
        judge: Whose win rate it is; empty for other metrics.
        clusters: The number of instructions.
        method: The interval's method.
        covered: In percent of the samples; None where the number has no interval.
        plain: The same of a plain t interval.
        samples: How many samples were drawn.
    """

    split: Name
    system: Name
    metric: Name
    judge: str
    n: Count
    clusters: Count
    method: str
    covered: float | None
    plain: float | None
    samples: Count


def run_coverage(folder: RunFolder, metrics: Sequence[str], samples: int, seed: int) -> Iterator[Covered]:
    """Simulate the coverage of every number of a run whose values are not all equal.

    Args:
        folder: The finished run.
        metrics: Names of metrics. Empty: the scores in percent, the losses and the win rates.
        samples: How many samples are drawn for each number.
        seed: The seed of the draws.
    """
    for column in long_columns(folder):
        known = ~np.isnan(column.values)
        if not _is_wanted(column, metrics) or not known.any() or np.ptp(column.values[known]) == 0.0:
            continue
        labels = [label for label, keep in zip(column.clusters, known, strict=True) if keep]
        found = simulate_coverage(column.values[known], labels, column.span, samples, seed)
        yield Covered(
            split=column.split,
            system=column.system,
            metric=column.metric,
            judge=column.judge or "",
            n=len(labels),
            clusters=len(set(labels)),
            method=found.method,
            covered=found.covered,
            plain=found.plain,
            samples=samples,
        )


def _is_wanted(column: LongColumn, metrics: Sequence[str]) -> bool:
    if metrics:
        return column.metric in metrics
    return column.unit == "percent" or column.metric == "nll"


def read_coverage(path: Path) -> tuple[Covered, ...]:
    """Read a run's coverage.json; empty if there is none.

    Raises:
        GistevalError: The file is damaged.
    """
    file = path / FILE
    if not file.is_file():
        return ()
    try:
        return tuple(reader_of(tuple[Covered, ...])(read_json(file), FILE))
    except (OSError, ValueError) as error:
        raise GistevalError(f"{file} is damaged: run gisteval coverage {path} again") from error


def coverage_table(found: Sequence[Covered]) -> Table:
    """Return the table of all numbers."""
    columns = (
        "metric",
        "system",
        "split",
        "n",
        "instructions",
        "method",
        "covers %",
        "t interval covers %",
    )
    rows = tuple(
        (
            _title(row),
            row.system,
            row.split,
            str(row.n),
            str(row.clusters),
            row.method,
            _share(row.covered),
            _share(row.plain),
        )
        for row in found
    )
    note = coverage_text(found)
    return Table("coverage", "Simulated coverage of the 95% intervals", columns, rows, note)


def coverage_summary(found: Sequence[Covered]) -> Table:
    """Return the lowest and highest coverage of each metric and split, in 80 columns."""
    rows = []
    for title, split in dict.fromkeys((_title(row), row.split) for row in found):
        own = [row for row in found if (_title(row), row.split) == (title, split)]
        known = [row.covered for row in own if row.covered is not None]
        plain = [row.plain for row in own if row.plain is not None]
        ends = (_share(min(known, default=None)), _share(max(known, default=None)))
        rows.append((title, split, str(len(own)), *ends, _share(min(plain, default=None))))
    columns = ("metric", "split", "numbers", "lowest %", "highest %", "lowest % of t")
    return Table("coverage", "Simulated coverage of the 95% intervals", columns, tuple(rows))


def coverage_text(found: Sequence[Covered]) -> str:
    """Say in sentences how often the intervals cover; empty without any."""
    known = [row for row in found if row.covered is not None]
    if not known:
        return ""
    shares = [row.covered for row in known if row.covered is not None]
    plain = [row.plain for row in known if row.plain is not None]
    lowest = min(known, key=lambda row: row.covered or 0.0)
    text = (
        f"Simulated on this run's own instructions, drawn with replacement ({known[0].samples} samples "
        f"each): the 95% intervals of {counted(len(known), 'number')} cover the truth in "
        f"{min(shares):.1f}% to {max(shares):.1f}% of the samples, least for {_title(lowest)} of "
        f"{lowest.system} on {lowest.split}"
    )
    return f"{text}; plain t intervals in {min(plain):.1f}% to {max(plain):.1f}%." if plain else f"{text}."


def _title(row: Covered) -> str:
    title = find_metric(row.metric).title
    return f"{title} ({row.judge})" if row.judge else title


def _share(share: float | None) -> str:
    return "-" if share is None else f"{share:.1f}"
