"""`gisteval coverage`: the table says what the JSON says, of the metrics that are asked for."""

from __future__ import annotations

import json


def test_the_table_and_the_rows_are_of_the_metrics_that_are_named(gisteval, refused, make_run) -> None:
    run = make_run({"pos": [f"ref {n}" for n in range(12)], "gist-1": ["ref 0"] * 12})
    assert gisteval("score", run).code == 0
    asked = ("coverage", run, "--metric", "rougeL", "--samples", 20)
    rows = json.loads(gisteval(*asked, "--json").out)
    assert {row["metric"] for row in rows} == {"rougeL"}
    table = gisteval(*asked, "--verbose").out
    for row in rows:
        assert f"{row['covered']:.1f}" in table
    summary = gisteval(*asked).out
    assert f"{min(row['covered'] for row in rows):.1f}" in summary
    assert max(map(len, summary.splitlines())) <= 80
    assert "no values of rouge that differ" in refused("coverage", run, "--metric", "rougeL,rouge")
