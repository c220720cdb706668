"""Names and units of spreads."""

from __future__ import annotations

from gisteval.metrics import metric
from gisteval.metrics.spread import Spread, spread_base


def test_a_spread_is_found_by_its_name() -> None:
    found = metric("rougeL.sd_items")
    assert isinstance(found, Spread) and found.base.name == "rougeL"
    assert (found.unit, found.title) == ("points", "ROUGE-L, spread between examples")
    assert metric("nll.sd_samples").unit == "nats per token"
    assert (spread_base("rougeL"), spread_base("rougeL.sd_samples")) == ("", "rougeL")


def test_a_spread_is_no_score() -> None:
    found = metric("exact_match.sd_samples")
    assert not (found.graded or found.paired or found.compared)
