"""Names of published checkpoints: the cache folder they lie in, and what comes before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.published import PUBLISHED, local_folder


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache folder."""
    monkeypatch.setattr("pooch.os_cache", lambda project: tmp_path / "cache" / project)
    return tmp_path / "cache" / "gisteval" / "models"


def test_a_folder_of_that_name_comes_first(cache, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GistevalError, match="smollm2 was not fetched yet"):
        local_folder("smollm2")
    Path("smollm2").mkdir()
    assert local_folder("smollm2") == Path("smollm2")


def test_a_fetched_one_is_found_by_its_short_name_and_other_names_are_paths(cache) -> None:
    (cache / "smollm2").mkdir(parents=True)
    assert local_folder("smollm2") == cache / "smollm2"
    assert local_folder("~/smollm2") == Path.home() / "smollm2"
    assert local_folder("smollm3") == Path("smollm3")


def test_what_is_listed_is_found_by_its_name_behind_a_folder_of_ones_own(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("wordplay-llama", "wordplay-llama/gist-5"):
        found = local_folder(name)
        assert found.is_absolute() and found.is_dir() and str(found).endswith(f"checkpoints/{name}")
    assert local_folder("wordplay-llama/../wordplay-llama") == Path("wordplay-llama/../wordplay-llama")
    (tmp_path / "wordplay-llama").mkdir()
    assert local_folder("wordplay-llama") == Path("wordplay-llama")


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_wheel_is_that_of_the_requirement(name: str) -> None:
    """pip would download another one; the checksum is 64 hexadecimal digits."""
    entry = PUBLISHED[name]
    package, version = entry.requirement.split("==")
    assert entry.wheel.startswith(f"{package.replace('-', '_')}-{version}-")
    assert entry.member.split("/")[0] == package.replace("-", "_") and entry.member.endswith(".gguf")
    assert len(bytes.fromhex(entry.sha256)) == 32
