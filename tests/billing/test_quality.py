"""Costs of a log joined with what a run's systems retain."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from run_folders import claim_run, make_system
from usage_logs import PRICE, PROMPT, RHO, C, OnePrice, W, requests

from gisteval.billing.quality import KEPT, QualityCost, quality_costs
from gisteval.errors import GistevalError
from gisteval.records.schema import Example, ResultRow

FRESH = 1000 * PROMPT * PRICE.fresh / 1e6
"""Dollars of 1,000 requests that send the whole prompt and cache nothing."""


def row(metric: str, value: float, **changes: Any) -> ResultRow:
    return ResultRow(
        "t", "test", "gist-1", "gist", None, "gist", 1, metric, value, None, None, "percent",
        8, 8, 0, **changes,
    )  # fmt: skip


def costs(path: Path, *rows: ResultRow, metric: str = "rougeL") -> tuple[QualityCost, ...]:
    """Of three uses of one prompt within a lifetime of the cache."""
    systems = [make_system("pos", "positive"), make_system("gist-1", reference="pos")]
    run = claim_run(path / "run", {"test": [Example("e", "t", "test", "a", "b", "c")]}, systems)
    run.write_results(rows, "task:t")
    return quality_costs(run, metric, requests(3, 10.0), OnePrice(), 0.0)


def test_the_price_of_a_point_is_the_price_over_the_points(tmp_path: Path) -> None:
    kept = row(KEPT, 1 / RHO)
    score = row(
        "rougeL", 30.0, reference="pos", retention=50.0, retention_ci_low=-2.0, retention_ci_high=80.0
    )
    gist, control = costs(tmp_path, kept, score)
    price = FRESH * RHO * (W + 2 * C) / 3
    assert (gist.way, gist.kept) == ("compressed once, cached", RHO)
    assert (gist.per_thousand, gist.per_point) == pytest.approx((price, price / 50))
    assert gist.per_point_low == pytest.approx(price / 80) and gist.per_point_high is None
    assert (control.system, control.retained) == ("pos", 100.0)
    assert control.per_thousand == pytest.approx(FRESH * (W + 2 * C) / 3)


def test_without_a_retention_or_a_kept_share_there_is_no_price(tmp_path: Path) -> None:
    for number, rows in enumerate(
        [(row(KEPT, 4.0), row("rougeL", 30.0)), (row("rougeL", 30.0, retention=9.0),)]
    ):
        with pytest.raises(GistevalError, match="no compressed system with a retention of rougeL"):
            costs(tmp_path / str(number), *rows)
