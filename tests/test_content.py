"""Where content is looked for: the explicit folder, the checkout, the bundled copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval import content
from gisteval.content import beside, find_content
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


def test_a_file_beside_is_no_link_to_elsewhere(tmp_path: Path) -> None:
    folder = tmp_path / "task"
    folder.mkdir()
    (tmp_path / "secret.jsonl").write_text("{}")
    (folder / "own.jsonl").write_text("{}")
    (folder / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (folder / "alias.jsonl").symlink_to(folder / "own.jsonl")
    (tmp_path / "other-name").symlink_to(folder)
    for base in (folder, tmp_path / "other-name"):  # how the user gets to the folder is no matter
        assert beside(base, "own.jsonl") == base / "own.jsonl"
        assert beside(base, "alias.jsonl") == base / "alias.jsonl"
        with pytest.raises(GistevalError, match=r"link\.jsonl is a link to another folder"):
            beside(base, "link.jsonl")
    (folder / "circle.jsonl").symlink_to(folder / "circle.jsonl")
    with pytest.raises(GistevalError, match=r"circle\.jsonl can't be read"):
        beside(folder, "circle.jsonl")
