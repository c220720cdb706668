"""`gisteval export-logs`: which tool, and what is refused."""

from __future__ import annotations

from pathlib import Path


def test_a_run_is_written_for_lm_eval(gisteval, make_run, tmp_path: Path) -> None:
    run = make_run({"pos": ["ref 0", "no"], "gist-1": ["ref 0", "ref 1"]})
    assert gisteval("score", run).code == 0
    said = gisteval("export-logs", run, "--to", "lm-eval", "--output", tmp_path / "out").out
    files = [path for path in (tmp_path / "out").rglob("*") if path.is_file()]
    assert said == f"{tmp_path / 'out'}: {len(files)} files\n" and len(files) == 4


def test_an_unknown_tool_is_refused_before_anything_is_read(refused, tmp_path: Path) -> None:
    line = refused("export-logs", tmp_path / "none", "--to", "inspct", "--output", tmp_path / "out")
    assert "did you mean" in line and "choose from inspect, lm-eval" in line
