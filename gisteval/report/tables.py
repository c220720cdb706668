"""The main table of a run, as text cells for any output format."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from gisteval.metrics import JudgedMetric, Metric, metric
from gisteval.metrics.catalogue import SCORES
from gisteval.metrics.repeats import RepeatMetric
from gisteval.records.schema import ResultRow
from gisteval.registry import may_use_gists
from gisteval.report.layout import Table


def split_tables(rows: Iterable[ResultRow]) -> list[Table]:
    """Build a table for each split, named after it, with a row for each system in the order of the run."""
    splits: dict[str, dict[str, dict[str, ResultRow]]] = {}
    names: dict[str, None] = {}
    for row in rows:
        splits.setdefault(row.split, {}).setdefault(row.system, {})[row.metric] = row
        names[row.metric] = None
    scores = _scores([metric(name) for name in names])
    retained = [score for score in scores if score.graded and score.paired]
    columns = (
        "system",
        "k",
        *(score.title for score in scores),
        *(f"retained {score.title} %" for score in retained),
        *(metric(name).title for name in (*COMPRESSION, "bytes")),
        "n",
    )
    note = (
        "Compression is the number of the instruction's tokens per slot, without the template's: as the "
        "budget asks and as achieved (both are means of the examples' ratios), and the ratio of mean "
        "lengths."
    )
    return [
        Table(
            split,
            split,
            columns,
            tuple(_cells(name, by_metric, scores, retained) for name, by_metric in systems.items()),
            note,
        )
        for split, systems in splits.items()
    ]


def _scores(metrics: Sequence[Metric]) -> list[Metric]:
    """Return the metrics that have a column: the usual ones, or those of the rows if the task names others.

    A metric and its stand-in share a column. Those of several answers have a table of their own.
    """
    others = JudgedMetric | RepeatMetric
    scores = [m for m in metrics if (m.graded or m.paired) and not isinstance(m, others)]
    if all(m.name in SCORES for m in scores):
        scores = [metric(name) for name in SCORES]
    principals = {m.stand_in: m for m in (*map(metric, SCORES), *scores)}
    return list({m.name: m for m in (principals.get(m.name, m) for m in scores)}.values())


def _cells(
    name: str, rows: Mapping[str, ResultRow], scores: Sequence[Metric], retained: Sequence[Metric]
) -> tuple[str, ...]:
    first = next(iter(rows.values()))
    failures = f" ({first.failures} without output)" if first.failures else ""
    stand_ins = {score.name: rows.get(score.stand_in or "") for score in scores}
    return (
        name,
        k_text(first),
        *(score_text(score, rows.get(score.name), stand_ins[score.name]) for score in scores),
        *(retention_text(rows.get(score.name) or stand_ins[score.name]) for score in retained),
        *(_times(rows.get(name)) for name in COMPRESSION),
        f"{rows['bytes'].value:,.0f}" if "bytes" in rows else "-",
        f"{first.n}{failures}",
    )


def value_text(row: ResultRow | None) -> str:
    """Write a row's value with its interval, with the decimals of its metric; a dash without a row."""
    if row is None:
        return "-"
    return interval_text(row.value, row.ci_low, row.ci_high, metric(row.metric).digits)


def score_text(score: Metric, row: ResultRow | None, stand_in: ResultRow | None) -> str:
    """Write a metric's value, or that of its stand-in, with its name, if it can't read the references."""
    if row is not None or stand_in is None:
        return value_text(row)
    return f"{value_text(stand_in)} ({metric(stand_in.metric).title.removeprefix(f'{score.title}, ')})"


def retention_text(row: ResultRow | None) -> str:
    """Write a row's retention in percent with its interval; a dash without one."""
    if row is None or row.retention is None:
        return "-"
    return interval_text(row.retention, row.retention_ci_low, row.retention_ci_high, 0)


def interval_text(value: float, low: float | None, high: float | None, digits: int) -> str:
    """Write a value with its interval: `45.4 [39.5, 51.2]`. None is an unbounded end."""
    if low is None and high is None:
        return f"{rounded(value, digits)} [unbounded]"
    ends = [
        "-inf" if low is None else rounded(low, digits),
        "inf" if high is None else rounded(high, digits),
    ]
    return f"{rounded(value, digits)} [{ends[0]}, {ends[1]}]"


def rounded(value: float, digits: int) -> str:
    """Round half away from zero: a win rate of 49.65 is 49.7, though its float is slightly smaller."""
    if abs(value) >= 1e15:  # more digits than a decimal context holds
        return f"{value:.{digits}f}"
    return str(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


COMPRESSION = ("compression_requested", "compression_achieved", "compression_ratio_of_means")


def _times(row: ResultRow | None) -> str:
    """Write a compression factor."""
    return "-" if row is None else f"{row.value:.1f}x"


def k_text(row: ResultRow) -> str:
    """Write a candidate's gist tokens or slots; a dash for a control or a shortened prompt."""
    without = row.condition in ("pos_control", "neg_control") or not may_use_gists(row.compressor)
    return "-" if without or not row.k else str(row.k)
