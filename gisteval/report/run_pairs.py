"""Several runs in one report: the same system in two runs, example by example.

A system of a later run is compared with the one of the same name in the first run that has it, on the
examples that both answered: runs of different limits share only some.
"""

from __future__ import annotations

import math

from gisteval.metrics import metric as find_metric
from gisteval.report.budget import LEVEL
from gisteval.report.data import ReportData
from gisteval.report.frontier import Held, corrected, hold, values_by_metric
from gisteval.report.layout import Table
from gisteval.report.tables import interval_text, rounded
from gisteval.report.values import Values

ALSO = "exact_match"
"""What is compared beside the leading metric."""


def run_pair_tables(data: ReportData, values: Values) -> list[Table]:
    """The table of paired differences between runs; without rows for one run, or if no system is in two."""
    pairs = _namesakes(data)
    measures = (values.leading, ALSO) if pairs else ()
    known = {name: values_by_metric(data, values, name) for name in measures}
    held = (
        hold(of_measure, measure, split, later, earlier)
        for split in dict.fromkeys(row.split for row in data.rows)
        for later, earlier in pairs
        for measure, of_measure in known.items()
    )
    found = corrected([one for one in held if one is not None])
    columns = (
        "split",
        "first",
        "second",
        "metric",
        "first %",
        "second %",
        "second less first",
        "p",
        "finding",
        "n",
    )
    note = (
        "The same system in two runs, in percent and points, over the n examples that both answered and "
        "no others, with 95% intervals clustered by instruction. p: of no difference, corrected by Holm's "
        f"method over all rows of this table ({len(found)}). Open: no difference is shown, which is no "
        "proof that there is none."
    )
    rows = tuple(_cells(held, known[held.metric]) for held in found)
    return [Table("runs-compared", "Runs compared", columns, rows, note)]


def _cells(held: Held, values: Values) -> tuple[str, ...]:
    metric, estimate = find_metric(held.metric), held.difference
    low, high = (end if math.isfinite(end) else None for end in (estimate.ci_low, estimate.ci_high))
    second, first, _ = values.paired(held.metric, held.system, held.other, held.split)
    means = (rounded(float(side.mean()), metric.digits) for side in (first, second))
    finding = "open"
    if held.p_value <= LEVEL:
        finding = "the second is higher" if estimate.value > 0 else "the second is lower"
    return (
        *(held.split, held.other, held.system, metric.title),
        *means,
        *(interval_text(estimate.value, low, high, metric.digits), f"{held.p_value:.2g}", finding),
        str(estimate.n),
    )


def _namesakes(data: ReportData) -> list[tuple[str, str]]:
    """Each system of a later run with its namesake in the first run that has it."""
    pairs: list[tuple[str, str]] = []
    first: dict[str, str] = {}
    for run in data.runs:
        for own, shown in run.names.items():
            if first.setdefault(own, shown) != shown:
                pairs.append((shown, first[own]))
    return pairs
