"""`gisteval ls`: every registered name, once, with what a user chooses by."""

from __future__ import annotations

import json

from gisteval.registry import COMPRESSORS, METRICS, WRAPPERS


def test_compressors_are_listed_with_their_settings(gisteval) -> None:
    rows = json.loads(gisteval("ls", "compressors", "--json").out)
    names = [row["name"] for row in rows]
    assert names == [*COMPRESSORS.names(), *(f"+{name}" for name in WRAPPERS.names())]
    by_name = {row["name"]: row for row in rows}
    assert by_name["snapkv"]["settings"] == {"window": "64", "kernel": "5"}
    assert (by_name["gist"]["reads"], by_name["gist"]["needs"]) == ("own", ["gist tokens"])
    text = gisteval("ls", "compressors").out
    assert "settings: window=64, kernel=5" in text and "reads the positive control's weights" in text


def test_no_line_is_wider_than_the_terminal(gisteval, monkeypatch) -> None:
    for width in (60, 80):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = gisteval("ls", "compressors").out.splitlines()
        assert width - 25 < max(map(len, lines)) <= width


def test_metrics_have_a_name_and_a_description(gisteval) -> None:
    rows = json.loads(gisteval("ls", "metrics", "--json").out)
    assert [row["name"] for row in rows] == list(METRICS.names())
    assert all(set(row) == {"name", "description"} and row["description"] for row in rows)


def test_an_unknown_kind_is_one_line(refused) -> None:
    assert "choose from tasks, judges" in refused("ls", "models")
