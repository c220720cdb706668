"""Retentions without an interval, in words: Fieller's set where the controls nearly meet."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from gisteval.judging.win_rate import EVEN
from gisteval.metrics import metric as find_metric
from gisteval.records.run_folder import RunFolder
from gisteval.report.long_values import LongColumn, long_columns
from gisteval.scores.facts import negatives
from gisteval.stats.fieller import FiellerSet, fieller_set

BoolArray = npt.NDArray[np.bool_]


def unbounded_retentions(folder: RunFolder) -> Iterator[str]:
    """Yield a sentence for each retention of a finished run that has no interval."""
    columns = {(c.split, c.system, c.metric, c.judge): c for c in long_columns(folder)}
    lower = negatives(folder)
    for row in folder.results():
        if row.retention is None or row.retention_ci_low is not None or row.system not in lower:
            continue
        names = (row.system, lower[row.system], folder.references.get(row.system, ""))
        ours, negative, positive = (columns.get((row.split, n, row.metric, row.judge)) for n in names)
        if ours is None or negative is None or (positive is None and row.metric != "win_rate"):
            continue
        title = find_metric(row.metric).title
        found = _fieller(ours, negative, positive)
        yield f"retention of {row.system} on {row.split} by {title}: {found.words()}"


def _fieller(ours: LongColumn, negative: LongColumn, positive: LongColumn | None) -> FiellerSet:
    """Fieller's set on the examples that all have a value for; without a positive column it is 50."""
    below = dict(zip(negative.ids, negative.values, strict=True))
    above = {} if positive is None else dict(zip(positive.ids, positive.values, strict=True))
    rows = [
        (value, below.get(example, np.nan), EVEN if positive is None else above.get(example, np.nan))
        for example, value in zip(ours.ids, ours.values, strict=True)
    ]
    table = np.array(rows, dtype=np.float64)
    known: BoolArray = np.logical_not(np.isnan(table).any(axis=1))
    labels = [label for label, keep in zip(ours.clusters, known, strict=True) if keep]
    table = table[known]
    return fieller_set(table[:, 0] - table[:, 1], table[:, 2] - table[:, 1], labels)
