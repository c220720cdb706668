"""Folders in which a run may start, and those in which it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.records.guard import check_free, check_no_links


@pytest.mark.parametrize(
    "names", [(), ("log.txt",), (".lock", "manifest.json.new"), ("manifest.json", "other")]
)
def test_a_run_may_start_or_go_on(tmp_path: Path, names: tuple[str, ...]) -> None:
    for name in names:
        (tmp_path / name).touch()
    check_free(tmp_path)
    check_free(tmp_path / "absent")


def test_a_file_and_a_folder_of_something_else_are_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(GistevalError, match="is not empty and holds no run"):
        check_free(tmp_path)
    with pytest.raises(GistevalError, match="is a file"):
        check_free(tmp_path / "thesis.tex")


def test_a_link_anywhere_in_a_run_is_refused_but_not_one_to_it(tmp_path: Path) -> None:
    run = tmp_path / "run"
    (run / "generations").mkdir(parents=True)
    (tmp_path / "way").symlink_to(run)
    check_no_links(tmp_path / "way")
    (run / "generations" / "a.jsonl").symlink_to("/etc/passwd")
    with pytest.raises(GistevalError, match=r"a\.jsonl is a link"):
        check_no_links(run)
