"""`gisteval judge`: in words and as JSON, read again, and until a gate can decide."""

from __future__ import annotations

import json
import re
from pathlib import Path

N = 40


def test_the_entries_in_words_as_json_and_read_again_are_one(gisteval, make_run) -> None:
    run: Path = make_run({"pos": [f"ref {n}" for n in range(N)], "gist-1": ["no"] * N})
    entries = json.loads(gisteval("judge", run, "--json").out)
    (pairs,) = [entry for entry in entries if entry["kind"] == "pairs"]
    assert (pairs["system"], pairs["win_rate"]["value"]) == ("gist-1", 0.0)
    text = gisteval("judge", run).out
    assert "gist-1" in text and text.endswith(f"report: {run / 'report' / 'report.md'}\n")
    again = gisteval("judge", run, "--reparse", "--json")
    assert json.loads(again.out) == entries
    assert re.fullmatch(r"0 of \d+ replies are read differently now\n", again.err)


def test_nothing_is_decided_where_nothing_is_asked(refused, make_run) -> None:
    run = make_run({"pos": ["a"], "gist-1": ["b"]})
    asked = ("judge", run, "--reparse", "--until-decided", "--baseline", run)
    assert "--reparse asks nothing" in refused(*asked)
