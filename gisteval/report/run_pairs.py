"""Several runs in one report: the same system in two runs, example by example.

A system of a later run is compared with the one of the same name in the first run that has it. Both
answered the same examples, so the difference is a paired one.
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
    found = corrected(_pairs(data, values))
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
    )
    note = (
        "The same system in two runs, in percent and points, paired on the examples that both answered, "
        "with 95% intervals clustered by instruction. p: of no difference, corrected by Holm's method over "
        f"all rows of this table ({len(found)}). Open: no difference is shown, which is no proof that "
        "there is none."
    )
    scores = {(row.metric, row.system, row.split): row.value for row in data.rows}
    return [
        Table(
            "runs-compared", "Runs compared", columns, tuple(_cells(held, scores) for held in found), note
        )
    ]


def _cells(held: Held, scores: dict[tuple[str, str, str], float]) -> tuple[str, ...]:
    metric, estimate = find_metric(held.metric), held.difference
    low, high = (end if math.isfinite(end) else None for end in (estimate.ci_low, estimate.ci_high))
    values = [scores.get((held.metric, name, held.split)) for name in (held.other, held.system)]
    finding = "open"
    if held.p_value <= LEVEL:
        finding = "the second is higher" if estimate.value > 0 else "the second is lower"
    return (
        *(held.split, held.other, held.system, metric.title),
        *("-" if value is None else rounded(value, metric.digits) for value in values),
        *(interval_text(estimate.value, low, high, metric.digits), f"{held.p_value:.2g}", finding),
    )


def _pairs(data: ReportData, values: Values) -> list[Held]:
    """Each system of a later run against its namesake in the first run that has it."""
    pairs: list[tuple[str, str]] = []
    first: dict[str, str] = {}
    for run in data.runs:
        for own, shown in run.names.items():
            if first.setdefault(own, shown) != shown:
                pairs.append((shown, first[own]))
    if not pairs:
        return []
    measures = dict.fromkeys((values.leading, ALSO))
    known = {measure: values_by_metric(data, values, measure) for measure in measures}
    found = (
        hold(known[measure], measure, split, later, earlier)
        for split in dict.fromkeys(row.split for row in data.rows)
        for later, earlier in pairs
        for measure in measures
    )
    return [held for held in found if held is not None]
