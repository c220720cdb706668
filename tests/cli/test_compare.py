"""`gisteval compare`: differences of two systems, and the examples that changed most."""

from __future__ import annotations

import json

import pytest


@pytest.fixture
def run(make_run):
    return make_run({"pos": ["ref 0"] * 4, "one": [f"ref {n}" for n in range(4)], "two": ["no"] * 4})


def test_differences_are_those_of_the_means(gisteval, run) -> None:
    command = (
        "compare",
        run,
        run,
        "--system",
        "one",
        "--baseline-system",
        "two",
        "--metric",
        "exact_match",
    )
    found = json.loads(gisteval(*command, "--changed", "2", "--json").out)
    (row,) = found["differences"]
    assert (row["first"], row["second"], row["difference"]) == (100.0, 0.0, 100.0)
    assert (row["higher"], row["equal"], row["lower"], len(found["changes"])) == (4, 0, 0, 2)
    text = gisteval(*command).out
    assert "one of " in text and "4/0/0" in text and "first       'ref 0'" in text


def test_a_negative_count_is_refused(refused, run) -> None:
    assert "--changed must be at least 0, not -1" in refused("compare", run, run, "--changed", "-1")
