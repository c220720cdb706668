"""A warning where the best of many systems is quoted: how good it is where it was not chosen."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gisteval.errors import InvalidRun
from gisteval.metrics import metric as find_metric
from gisteval.report.data import ReportData
from gisteval.report.frontier import values_by_metric
from gisteval.report.leaderboard import Ranked
from gisteval.report.values import Values
from gisteval.stats.selection import best_of

FEWEST = 3
"""With fewer compressed systems nobody speaks of the best of many."""


def winner_warnings(data: ReportData, values: Values, ranked: Sequence[Ranked]) -> Iterator[str]:
    """Yield a warning for each task, split and model whose best compressed system could be quoted.

    Args:
        data: The runs.
        values: Their scores by example.
        ranked: The systems of the leaderboard.
    """
    controls = {s.name for run in data.runs for s in run.folder.systems if s.role != "candidate"}
    for place in dict.fromkeys((one.task, one.split, one.model) for one in ranked):
        members = [o for o in ranked if (o.task, o.split, o.model) == place and o.system not in controls]
        if len(members) < FEWEST:
            continue
        of = find_metric(members[0].metric)
        columns = values_by_metric(data, values, of.name).columns
        found = {one.system: columns.get((of.name, one.system, one.split), {}) for one in members}
        shared = [
            pair for pair in next(iter(found.values())) if all(pair in column for column in found.values())
        ]
        arrays = {name: np.array([column[pair] for pair in shared]) for name, column in found.items()}
        try:
            best = best_of(arrays, [values.clusters[pair] for pair in shared], of.sign)
        except InvalidRun:  # too few examples to halve
            continue
        yield (
            f"{place[0]}, {place[1]}: {best.name} is the best of {len(members)} with {of.title} "
            f"{best.quoted:.1f}, partly by luck: the best of one half of the instructions scores "
            f"{best.honest:.1f} on the other half (the same system in {best.stable:.0f}% of the halves)"
        )
