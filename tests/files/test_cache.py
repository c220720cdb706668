"""The cache folder: named in one place, so that everything of one machine lies together."""

from __future__ import annotations

from pathlib import Path

import pooch
import pytest

import gisteval
from gisteval.files.cache import cache_folder


def test_parts_lie_in_one_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pooch, "os_cache", lambda project: tmp_path / project)
    assert cache_folder() == tmp_path / "gisteval"
    assert cache_folder("models") == tmp_path / "gisteval" / "models"


def test_no_other_module_names_it() -> None:
    package = Path(gisteval.__file__).parent
    naming = [file for file in package.rglob("*.py") if "os_cache" in file.read_text(encoding="utf-8")]
    assert naming == [package / "files" / "cache.py"]
