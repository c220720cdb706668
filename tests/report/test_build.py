"""A report is built, and built again when it is out of date."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.report.build import build_report, current_page


def test_a_page_older_than_its_run_is_built_again(
    write_small_run, make_example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gisteval.report.build.can_draw", lambda: False)
    run = write_small_run(tmp_path / "run", {"seen": [make_example(1)]})
    page = current_page(run)
    assert page == run.path / "report" / "report.html"
    os.utime(page, (2e9, 2e9))
    assert current_page(run).stat().st_mtime == 2e9
    os.utime(run.verdicts("reference", "tiny-gist-1"), (3e9, 3e9))
    assert current_page(run).stat().st_mtime != 2e9


@pytest.mark.parametrize(
    ("intervals", "shown"), [(None, (True, False)), (True, (True, True)), (False, (False, False))]
)
def test_intervals_are_in_markdown_and_on_request_in_latex(
    small_run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, intervals: bool | None, shown: tuple
) -> None:
    """CSV always has them, in columns of their own."""
    monkeypatch.setattr("gisteval.report.build.can_draw", lambda: False)
    page = build_report([small_run], tmp_path, intervals)
    row = next(row for row in small_run.results() if row.system == "tiny-gist-1" and row.metric == "rougeL")
    ends = f"{row.ci_low:.1f}, {row.ci_high:.1f}]"
    texts = [(tmp_path / "tables" / f"main.{ending}").read_text("utf-8") for ending in ("md", "tex", "csv")]
    assert tuple(ends in text for text in texts[:2]) == shown
    assert (ends in (tmp_path / "report.md").read_text("utf-8")) == shown[0]
    assert f"{row.value:.1f},{row.ci_low:.1f},{row.ci_high:.1f}," in texts[2]
    assert "No figures: " in page.read_text("utf-8")


@pytest.mark.parametrize("searched", [True, False])
def test_garbage_is_searched_for_afterwards_as_before(tmp_path: Path, searched: bool) -> None:
    before = gc.isenabled()
    try:
        (gc.enable if searched else gc.disable)()
        with pytest.raises(GistevalError, match="no run to report on"):
            build_report([], tmp_path)
        assert gc.isenabled() == searched
    finally:
        (gc.enable if before else gc.disable)()
