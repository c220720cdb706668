"""`gisteval leaderboard`: forms by the ending of a file."""

from __future__ import annotations

import json
from pathlib import Path


def test_a_file_is_written_in_the_form_of_its_ending(gisteval, refused, make_run, tmp_path: Path) -> None:
    run = make_run({"pos": ["ref 0", "ref 1"], "gist-1": ["ref 0", "x"]})
    assert gisteval("score", run).code == 0
    files = [tmp_path / "deep" / f"board.{ending}" for ending in ("md", "csv", "json", "html")]
    outcome = gisteval(
        "leaderboard", run, *(part for file in files for part in ("--output", file)), "--json"
    )
    assert json.loads(outcome.out) == json.loads(files[2].read_text())
    assert files[0].read_text().startswith("## ") and files[3].read_text().startswith("<!doctype html>")
    assert "the ending must be one of .md" in refused(
        "leaderboard", run, "--output", tmp_path / "board.pdf"
    )
