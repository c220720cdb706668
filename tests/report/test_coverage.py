"""Simulated coverage of a run's own intervals, and the long table that it is computed from."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gisteval.report.coverage import read_coverage
from gisteval.stats.coverage import simulate_coverage

N = 40
OUTPUTS = {
    "pos": [f"ref {n}" for n in range(N)],
    "gist-1": [f"ref {n}" if n % 4 else f"other {n}" for n in range(N)],
}


def test_coverage_is_simulated_printed_and_shown(gisteval, refused, make_run) -> None:
    run = make_run(OUTPUTS)
    assert gisteval("judge", run).code == 0
    ended = gisteval("coverage", run, "--samples", 50, "--json")
    assert ended.code == 0, ended.err
    rows = json.loads(ended.out)
    assert {(row["metric"], row["judge"], row["system"]) for row in rows} >= {
        ("rougeL", "", "gist-1"),
        ("win_rate", "reference", "gist-1"),
    }
    assert all(row["method"] == "gaffke" and row["covered"] >= 90.0 for row in rows)
    assert [row.to_json() for row in read_coverage(run)] == rows
    page = (run / "report" / "report.html").read_text(encoding="utf-8")
    assert "of the samples, least for" in page.split("How it was made")[-1]
    assert "no values of nll" in refused("coverage", run, "--metric", "nll")
    (run / "coverage.json").write_text("{")
    assert "coverage.json is damaged" in refused("report", run)


def test_the_t_interval_forgets_rare_losses_and_gaffke_does_not() -> None:
    """One loss in 40: a sample without it (36%) has no width by t."""
    values = np.where(np.arange(40) == 0, 0.0, 50.0)
    found = simulate_coverage(values, None, (0.0, 100.0), samples=300)
    assert found.plain == pytest.approx(100.0 * (1.0 - (39 / 40) ** 40), abs=8.0)
    assert found.covered == 100.0
    again = simulate_coverage(values, None, (0.0, 100.0), samples=300)
    assert again == found


def test_normal_values_are_covered_nominally() -> None:
    values = np.random.default_rng(1).normal(5.0, 1.0, 60)
    found = simulate_coverage(values, None, None, samples=300)
    assert found.method == "t-hall"
    assert found.covered == pytest.approx(95.0, abs=4.0) and found.plain == pytest.approx(95.0, abs=4.0)
