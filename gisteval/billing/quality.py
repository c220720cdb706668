"""What a retained point costs: a log's costs joined with the quality rows of a finished run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from gisteval.billing.prices import Prices
from gisteval.billing.replay import Replay, replay
from gisteval.billing.usage import Request
from gisteval.billing.ways import COMPRESSED_CACHED, PER_QUERY, WHOLE, WHOLE_CACHED, Compression
from gisteval.errors import GistevalError
from gisteval.records.run_folder import RunFolder
from gisteval.records.schema import ResultRow

KEPT = "compression_ratio_of_means"
"""The measure that says which share of a prompt a system keeps."""


@dataclass(frozen=True, slots=True)
class QualityCost:
    """What a system of a run costs, and what of the score it retains.

    Attributes:
        system: The system; its control with the whole prompt has the role "whole prompt".
        split: The part of the run's task.
        metric: The score.
        kept: Share of the prompt that it keeps.
        retained: Percent of the gap between the controls; 100 for the whole prompt.
        low: Lower end of its interval; None without one.
        high: Upper end.
        way: The cheapest way for this share.
        per_thousand: Dollars for 1,000 requests in it.
        per_point: Dollars for 1,000 requests and retained point; None where nothing is retained.
        per_point_low: The same at the upper end of what is retained.
        per_point_high: The same at its lower end; None where that is not above 0.
    """

    system: str
    split: str
    metric: str
    kept: float
    retained: float
    low: float | None
    high: float | None
    way: str
    per_thousand: float
    per_point: float | None
    per_point_low: float | None
    per_point_high: float | None


def quality_costs(
    run: RunFolder, metric: str, requests: Sequence[Request], prices: Prices, compress_price: float
) -> tuple[QualityCost, ...]:
    """Price every compressed system of a run on a log.

    Args:
        run: A finished run with a positive and a negative control.
        metric: The score that counts.
        requests: The log, in order of time.
        prices: The provider's.
        compress_price: Dollars a million tokens that a compressor reads.

    Raises:
        GistevalError: No system of the run has a retention and a kept share.
    """
    rows = run.results()
    shares = {
        (row.system, row.split): 1 / row.value for row in rows if row.metric == KEPT and row.value > 0
    }
    scored = [
        row
        for row in rows
        if row.metric == metric and row.retention is not None and (row.system, row.split) in shares
    ]
    if not scored:
        raise GistevalError(
            f"--quality {run.path} has no compressed system with a retention of {metric}: give a run with "
            "both controls, or another --metric"
        )
    costs = []
    for row in scored:
        kept = min(1.0, shares[row.system, row.split])
        found = replay(requests, prices, Compression(kept, compress_price))
        way, dollars = _cheapest(found, (COMPRESSED_CACHED, PER_QUERY))
        costs.append(_joined(row, kept, way, 1000 * dollars / len(requests)))
    whole = replay(requests, prices, Compression(1.0))
    way, dollars = _cheapest(whole, (WHOLE, WHOLE_CACHED))
    price = 1000 * dollars / len(requests)
    controls = dict.fromkeys((row.reference, row.split) for row in scored if row.reference)
    for control, split in controls:
        costs.append(
            QualityCost(control, split, metric, 1.0, 100.0, None, None, way, price, price / 100, None, None)
        )
    return tuple(sorted(costs, key=lambda cost: cost.split))


def _joined(row: ResultRow, kept: float, way: str, price: float) -> QualityCost:
    assert row.retention is not None
    low, high = row.retention_ci_low, row.retention_ci_high

    def per(points: float | None) -> float | None:
        return price / points if points is not None and points > 0 else None

    ends = per(high), per(low)
    scored = row.system, row.split, row.metric, kept, row.retention, low, high
    return QualityCost(*scored, way, price, per(row.retention), *ends)


def _cheapest(found: Replay, ways: Sequence[str]) -> tuple[str, float]:
    """The cheapest of some ways, and its dollars."""
    sums = dict(zip(found.ways, found.dollars.sum(axis=0).tolist(), strict=True))
    way = min(ways, key=lambda name: sums[name])
    return way, sums[way]
