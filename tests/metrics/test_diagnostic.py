"""What diagnostics measure has names, units and ranges of its own, and no control."""

from __future__ import annotations

from gisteval.metrics.diagnostic import DIAGNOSTIC_METRICS
from gisteval.registry import METRICS


def test_they_are_no_metrics_of_a_task_and_are_paired_with_nothing() -> None:
    assert not DIAGNOSTIC_METRICS.keys() & (set(METRICS.names()) - {"nll"})
    for name, metric in DIAGNOSTIC_METRICS.items():
        assert metric.name == name and metric.title and not metric.graded and not metric.paired


def test_shares_have_both_ends_and_differences_have_none() -> None:
    for metric in DIAGNOSTIC_METRICS.values():
        assert (metric.span == 100.0) == (metric.unit == "percent")
        assert (metric.low is None) == (metric.name.startswith("delta_nll") or metric.name == "loss_gap")
    assert DIAGNOSTIC_METRICS["cosine"].span == 2.0
