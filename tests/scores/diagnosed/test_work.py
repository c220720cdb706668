"""The dependency of answers on slots, beside the full prompt's."""

from __future__ import annotations

import numpy as np
import pytest
from observations import observations

from gisteval import stats
from gisteval.scores.diagnosed.rows import Observed
from gisteval.scores.diagnosed.work import summarise_work


def test_a_system_is_held_against_the_examples_that_the_full_prompt_has_too() -> None:
    draw = np.random.default_rng(5)
    ours, full = draw.gamma(2.0, 10.0, 40), draw.gamma(2.0, 50.0, 30)
    systems = {"pos": observations("pos", full), "gist-1": observations("gist-1", ours)}
    summary = summarise_work(Observed(systems, {}), {"pos": "pos", "gist-1": "pos"})
    means = {(row.system, row.metric): row.value for row in summary.rows}
    assert means["gist-1", "dep"] == pytest.approx(ours.mean())
    assert set(means) == {(name, metric) for name in systems for metric in ("dep", "peak_slots")}
    (finding,) = summary.findings  # none on the full prompt itself
    clusters = [f"instruction {n // 2}" for n in range(30)]
    share = stats.ratio_of_means(ours[:30], full, clusters)
    low, high = 100 * share.ci_low, 100 * share.ci_high
    assert finding.text.startswith(
        f"answers attend to {100 * ours[:30].sum() / full.sum():.1f}% [{low:.1f}, {high:.1f}] of"
    )


def test_a_system_whose_full_prompt_was_not_measured_has_rows_and_no_finding() -> None:
    summary = summarise_work(Observed({"gist-1": observations("gist-1", [1.0])}, {}), {"gist-1": "pos"})
    assert summary.rows and not summary.findings
