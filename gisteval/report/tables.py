"""The main table of a run, as text cells that any output format can lay out."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Decimal

from gisteval.records.schema import ResultRow
from gisteval.registry import may_use_gists
from gisteval.report.layout import Table

COLUMNS = (
    "system",
    "k",
    "ROUGE-L",
    "exact match",
    "= pos. control",
    "loss",
    "retained ROUGE-L %",
    "retained exact %",
    "compression asked",
    "compression achieved",
    "of mean lengths",
    "bytes a prompt",
    "n",
)


def split_tables(rows: Iterable[ResultRow]) -> list[Table]:
    """A table for each split, named after it: a row of cells a system, in the order of the run."""
    splits: dict[str, dict[str, dict[str, ResultRow]]] = {}
    for row in rows:
        splits.setdefault(row.split, {}).setdefault(row.system, {})[row.metric] = row
    note = (
        "Compression: tokens of the instruction for each slot kept of it, without the template's: as the "
        "budget asks, as achieved (both the mean of the examples' ratios), and the ratio of mean lengths."
    )
    return [
        Table(split, split, COLUMNS, tuple(_cells(name, found) for name, found in systems.items()), note)
        for split, systems in splits.items()
    ]


def _cells(name: str, metrics: dict[str, ResultRow]) -> tuple[str, ...]:
    first = next(iter(metrics.values()))
    failures = f" ({first.failures} without output)" if first.failures else ""
    return (
        name,
        k_text(first),
        rouge_text(metrics.get("rougeL"), metrics.get("rougeL-unicode")),
        _interval(metrics.get("exact_match"), 1),
        _interval(metrics.get("exact_match_pos"), 1),
        _interval(metrics.get("nll"), 3),
        retention_text(metrics.get("rougeL") or metrics.get("rougeL-unicode")),
        retention_text(metrics.get("exact_match")),
        *(_times(metrics.get(name)) for name in COMPRESSION),
        f"{metrics['bytes'].value:,.0f}" if "bytes" in metrics else "-",
        f"{first.n}{failures}",
    )


def _interval(row: ResultRow | None, digits: int) -> str:
    return "-" if row is None else interval_text(row.value, row.ci_low, row.ci_high, digits)


def rouge_text(paper: ResultRow | None, unicode: ResultRow | None) -> str:
    """ROUGE-L; that of Unicode words, which says so, where the paper's can't read the references."""
    if paper is None and unicode is not None:
        return f"{_interval(unicode, 1)} (Unicode words)"
    return _interval(paper, 1)


def retention_text(row: ResultRow | None) -> str:
    """What a row retains, in percent with its interval; a dash if it has none."""
    if row is None or row.retention is None:
        return "-"
    return interval_text(row.retention, row.retention_ci_low, row.retention_ci_high, 0)


def interval_text(value: float, low: float | None, high: float | None, digits: int) -> str:
    """`45.4 [39.5, 51.2]`; an unbounded end is written as such."""
    if low is None and high is None:
        return f"{rounded(value, digits)} [unbounded]"
    ends = [
        "-inf" if low is None else rounded(low, digits),
        "inf" if high is None else rounded(high, digits),
    ]
    return f"{rounded(value, digits)} [{ends[0]}, {ends[1]}]"


def rounded(value: float, digits: int) -> str:
    """Half away from zero, as people round: a win rate of 49.65 is 49.7, though its float lies below."""
    if abs(value) >= 1e15:  # more digits than a decimal context holds
        return f"{value:.{digits}f}"
    return str(Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP))


COMPRESSION = ("compression_requested", "compression_achieved", "compression_ratio_of_means")


def _times(row: ResultRow | None) -> str:
    """How many tokens of the instruction a kept slot stands for."""
    return "-" if row is None else f"{row.value:.1f}x"


def k_text(row: ResultRow) -> str:
    """Gist tokens or slots of a candidate; a control has none that count, nor has a shortened prompt."""
    without = row.condition in ("pos_control", "neg_control") or not may_use_gists(row.compressor)
    return "-" if without or not row.k else str(row.k)
