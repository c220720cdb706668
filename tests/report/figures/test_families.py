"""Rows grouped by family for figures."""

from __future__ import annotations

import math

from gisteval.records.schema import ResultRow
from gisteval.report.figures.families import families, half_widths, splits_of


def row(system: str, condition: str, k: int = 1, split: str = "s", **more) -> ResultRow:
    reference = None if condition == "pos_control" else f"{system.split('-')[0]}-pos_control-1"
    ends = {"ci_low": 4.0, "ci_high": 7.0} | more
    return ResultRow(
        task="t", split=split, system=system, condition=condition, control=None, compressor="gist", k=k,
        metric="rougeL", value=5.0, unit="percent", n=9, clusters=9, failures=0, reference=reference,
        **ends,
    )  # fmt: skip


def test_candidates_are_by_k_and_controls_apart() -> None:
    rows = [row("A-gist-10", "gist", 10), row("A-gist-2", "gist", 2), row("A-pos_control-1", "pos_control")]
    rows += [row("A-neg_control-1", "neg_control"), row("B-pos_control-1", "pos_control", split="other")]
    (family,) = families(rows)  # B has no candidate
    assert (family.name, list(family.candidates)) == ("A", ["A-gist-2", "A-gist-10"])
    assert family.positive["rougeL"]["s"].system == "A-pos_control-1"
    assert family.negative["rougeL"]["s"].system == "A-neg_control-1"
    assert family.has("rougeL") and not family.has("nll")
    assert splits_of(rows) == ["s", "other"]


def test_an_end_that_is_missing_draws_no_bar() -> None:
    assert half_widths(row("A-gist-1", "gist")) == (1.0, 2.0)
    low, high = half_widths(row("A-gist-1", "gist", ci_low=None))
    assert math.isnan(low) and high == 2.0
