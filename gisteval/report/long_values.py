"""Every value of a run by example: what other programs read, and what coverage is simulated on."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gisteval.files.cells import inert_cell
from gisteval.judging.pairs import item_means, pair_scores
from gisteval.judging.study import matchups as matchups_of
from gisteval.judging.study import verdicts_on
from gisteval.judging.summary import main_verdicts
from gisteval.metrics import metric as find_metric
from gisteval.metrics.catalogue import example_metrics
from gisteval.records.run_folder import RunFolder
from gisteval.scores.columns import read_system
from gisteval.scores.facts import run_metrics
from gisteval.stats.samples import FloatArray

COLUMNS = (
    "task",
    "split",
    "example",
    "cluster",
    "system",
    "role",
    "reference",
    "metric",
    "judge",
    "unit",
    "value",
)
"""The columns of the long table; a row is one value."""


@dataclass(frozen=True, slots=True)
class LongColumn:
    """The values of one metric of one system on one split.

    Attributes:
        metric: The metric's name.
        judge: Whose win rate it is; None for other metrics.
        unit: The unit of the values.
        span: The range of the values; None without one.
        ids: The id of each example.
        clusters: The instruction of each example.
        values: Shape (n,); NaN where unknown. An example without an output has the worst value of a metric
            that grades.
    """

    task: str
    split: str
    system: str
    metric: str
    judge: str | None
    unit: str
    span: tuple[float, float] | None
    ids: tuple[str, ...]
    clusters: tuple[str, ...]
    values: FloatArray


def long_columns(folder: RunFolder) -> Iterator[LongColumn]:
    """Yield all columns of a finished run: scores of its systems, then win rates of its judges.

    Raises:
        GistevalError: A record is damaged.
    """
    metrics = run_metrics(folder)
    for split in folder.splits:
        ids = {example.content_id: example.id for example in folder.examples(split)}
        for system in folder.systems:
            scores = read_system(folder, system.name, split, metrics)
            if scores is None:
                continue
            for measured in example_metrics(metrics):
                if measured.name in scores.columns:
                    low, high = measured.low, measured.high
                    yield LongColumn(
                        task=scores.first.task,
                        split=split,
                        system=system.name,
                        metric=measured.name,
                        judge=None,
                        unit=measured.unit,
                        span=None if low is None or high is None else (low, high),
                        ids=tuple(ids[content] for content in scores.contents),
                        clusters=scores.clusters,
                        values=scores.columns[measured.name],
                    )
    yield from _win_rates(folder)


def _win_rates(folder: RunFolder) -> Iterator[LongColumn]:
    measured = find_metric("win_rate")
    for matchup in matchups_of(folder):
        if matchup.system == matchup.reference:
            continue
        for judge in folder.judges_of(matchup.system):
            scores = pair_scores(main_verdicts(verdicts_on(folder, judge, matchup)))
            by_pair = {pair: score.value for pair, score in scores.items()}
            if len(by_pair) == len(matchup.pairs):  # an example without the system's output is a loss
                by_pair |= dict.fromkeys(matchup.lost, 0.0)
            known = {
                item: math.nan if value is None else 100.0 * value
                for item, value in item_means(by_pair, matchup.items).items()
            }
            if known:
                yield LongColumn(
                    task=matchup.task,
                    split=matchup.split,
                    system=matchup.system,
                    metric="win_rate",
                    judge=judge,
                    unit=measured.unit,
                    span=(0.0, 100.0),
                    ids=tuple(matchup.examples[pair].id for pair in known),
                    clusters=tuple(matchup.instructions[pair] for pair in known),
                    values=np.array(list(known.values())),
                )


def long_rows(folder: RunFolder) -> Iterator[tuple[object, ...]]:
    """Yield the rows of the long table, with the columns `COLUMNS`. Unknown values are None."""
    roles = {system.name: system.role for system in folder.systems}
    references = folder.references
    for column in long_columns(folder):
        named = (column.system, roles.get(column.system), references.get(column.system))
        of = (column.metric, column.judge, column.unit)
        for example, cluster, value in zip(column.ids, column.clusters, column.values, strict=True):
            known = float(value) if math.isfinite(value) else None
            yield (column.task, column.split, example, cluster, *named, *of, known)


def long_csv(folder: RunFolder) -> str:
    """Return the long table as CSV. Cells that a spreadsheet would run as formulas are made inert."""
    stream = io.StringIO()
    table = csv.writer(stream, lineterminator="\n")
    table.writerow(COLUMNS)
    for row in long_rows(folder):
        cells = ("" if cell is None else cell for cell in row)
        table.writerow(inert_cell(cell) if isinstance(cell, str) else cell for cell in cells)
    return stream.getvalue()
