"""Drift behind stored prompts: a row for each of its metrics that was measured, and no finding."""

from __future__ import annotations

from observations import HORIZONS, observations

from gisteval.scores.diagnosed.drift import METRICS, drift_rows
from gisteval.scores.diagnosed.rows import Observed


def test_every_writer_and_setting_has_the_means_of_what_was_measured() -> None:
    cosines = [
        one for n in range(6) for one in observations("b", [0.0], content=str(n), values={"cosine": n / 8})
    ]
    found = drift_rows(Observed({"a": observations("a", [1.0, 3.0, 5.0]), "b": cosines}, {}))
    rows = {(row.system, row.metric): row.value for row in found.rows}
    assert rows["b", "cosine"] == 15 / 48
    losses = {metric: 3.0 for metric in (*HORIZONS, "kl")}
    counted = {metric: 50.0 for metric in ("top1", "same_answer", "greedy_exact")}
    assert {metric: value for (system, metric), value in rows.items() if system == "a"} == losses | counted
    assert {metric for _, metric in rows} == set(METRICS)
    assert found.findings == ()
