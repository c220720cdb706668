"""`gisteval report`: where the pages go."""

from __future__ import annotations

from pathlib import Path


def test_one_run_has_its_report_inside_and_several_where_asked(gisteval, make_run, tmp_path: Path) -> None:
    first, second = (make_run({"pos": ["a"], "gist-1": ["b"]}, name) for name in ("one", "two"))
    assert gisteval("report", first).out == f"report: {first / 'report' / 'report.html'}\n"
    assert gisteval("report", first, second, "--output", tmp_path / "both").code == 0
    page = (tmp_path / "both" / "report.html").read_text()
    assert "one/gist-1" in page or ("one" in page and "two" in page)
