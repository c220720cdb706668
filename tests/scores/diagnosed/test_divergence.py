"""Rows and findings of the divergence from the full prompt."""

from __future__ import annotations

import numpy as np
import pytest
from observations import observations

from gisteval import stats
from gisteval.scores.diagnosed.divergence import summarise
from gisteval.scores.diagnosed.rows import Observed


def test_rows_are_means_with_the_intervals_of_all_metrics() -> None:
    draw = np.random.default_rng(0)
    ours, theirs = draw.gamma(2.0, 0.5, 60).tolist(), draw.gamma(9.0, 0.5, 60).tolist()
    both = Observed(
        {"gist-1": observations("gist-1", ours), "neg": observations("neg", theirs)},
        {"gist-1": "neg", "neg": "neg"},
    )
    found = summarise(both)
    by_place = {(row.system, row.metric, row.where): row for row in found.rows}
    row = by_place["gist-1", "delta_nll@32", ""]
    clusters = [f"instruction {n // 2}" for n in range(60)]
    expected = stats.mean_interval(ours, clusters)
    assert (row.value, row.ci_low, row.ci_high) == (expected.value, expected.ci_low, expected.ci_high)
    assert row.control == pytest.approx(np.mean(theirs))
    assert row.share == pytest.approx(100 * np.mean(ours) / np.mean(theirs))
    assert by_place["neg", "delta_nll@32", ""].share is None
    assert by_place["gist-1", "delta_nll", "token 2"].value == pytest.approx(3 * np.mean(ours))
    near = by_place["gist-1", "delta_nll", "distance 1 to 5 tokens"]
    assert near.value == pytest.approx(np.mean(ours))
    (finding,) = found.findings
    assert finding.state == "note" and "no substitute" in finding.text


@pytest.mark.parametrize(
    ("values", "state"),
    [
        ([0.0] * 40, "ok"),
        ([0.01, 0.02, 0.03] * 14, "ok"),
        ([0.0, 0.22] * 4, "open"),
        ([1.0, 2.0, 3.0] * 14, "note"),
    ],
)
def test_a_system_is_placed_beside_the_target(values: list[float], state: str) -> None:
    ours, control = observations("gist-1", values), observations("neg", [3.0] * len(values))
    (finding,) = summarise(Observed({"gist-1": ours, "neg": control}, {"gist-1": "neg"})).findings
    assert finding.state == state
