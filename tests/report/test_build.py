"""A report is built, and built again when it is out of date."""

from __future__ import annotations

import os

from gisteval.report.build import current_page


def test_a_page_older_than_its_run_is_built_again(write_small_run, make_example, tmp_path) -> None:
    run = write_small_run(tmp_path / "run", {"seen": [make_example(1)]})
    page = current_page(run)
    assert page == run.path / "report" / "report.html"
    os.utime(page, (2e9, 2e9))
    assert current_page(run).stat().st_mtime == 2e9
    os.utime(run.verdicts("reference", "tiny-gist-1"), (3e9, 3e9))
    assert current_page(run).stat().st_mtime != 2e9
