"""Where content is looked for: the explicit folder, the checkout, the bundled copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval import content
from gisteval.content import find_content
from gisteval.errors import GistevalError


@pytest.fixture
def package(tmp_path: Path, monkeypatch) -> Path:
    """An empty package folder in place of the real one."""
    folder = tmp_path / "site" / "gisteval"
    folder.mkdir(parents=True)
    monkeypatch.setattr(content, "PACKAGE", folder)
    return folder


def test_explicit_comes_first(package: Path, tmp_path: Path) -> None:
    assert find_content("tasks", tmp_path) == tmp_path
    with pytest.raises(GistevalError, match=r"absent does not exist \(it should hold tasks\)"):
        find_content("tasks", tmp_path / "absent")


def test_checkout_then_bundled(package: Path) -> None:
    bundled = package / "_content" / "tasks"
    bundled.mkdir(parents=True)
    assert find_content("tasks") == bundled
    (package.parent / "tasks").mkdir()
    # A folder of that name beside an installed package is somebody else's.
    assert find_content("tasks") == bundled
    (package.parent / "pyproject.toml").write_text("")
    assert find_content("tasks") == package.parent / "tasks"


def test_nothing_there_is_an_error(package: Path) -> None:
    with pytest.raises(GistevalError, match="has no tasks/"):
        find_content("tasks")


def test_this_checkout_has_its_content() -> None:
    for kind in ("tasks", "reports", "checkpoints"):
        assert find_content(kind).is_dir()
