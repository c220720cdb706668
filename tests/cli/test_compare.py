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
    text = gisteval(*command, "--verbose").out
    assert "one of " in text and "4/0/0" in text and "first       'ref 0'" in text


def test_the_command_fits_a_terminal_and_has_the_numbers_of_the_wide_table(gisteval, run) -> None:
    command = ("compare", run, run, "--system", "one", "--baseline-system", "two")
    narrow, wide = gisteval(*command).out, gisteval(*command, "--verbose").out
    assert max(map(len, narrow.splitlines())) <= 80 < max(map(len, wide.splitlines()))
    found = json.loads(gisteval(*command, "--json").out)
    assert len(found["differences"]) > 3
    for row in found["differences"]:
        (line,) = [line.split() for line in narrow.splitlines() if f" {row['metric']} " in line]
        name = [*row["metric"].split(), *("†" for _ in row["doubt"][:1])]
        values = [f"{row[part]:.2f}" for part in ("first", "second", "difference")]
        assert [*line[: len(name)], *line[len(name) : len(name) + 3]] == [*name, *values]
    assert "  first       'ref 0'" in narrow


def test_long_texts_and_names_are_cut(gisteval, make_run) -> None:
    long = [f"ref {n}" + " word" * 60 for n in range(4)]
    run = make_run({"pos": long, "one": long, "two" * 40: ["no"] * 4})
    text = gisteval("compare", run, run, "--system", "one", "--baseline-system", "two" * 40).out
    assert max(map(len, text.splitlines())) <= 80
    assert [line[-3:] for line in text.splitlines() if line.startswith("  first       '")] == ["..."] * 4


def test_a_negative_count_is_refused(refused, run) -> None:
    assert "--changed must be at least 0, not -1" in refused("compare", run, run, "--changed", "-1")
