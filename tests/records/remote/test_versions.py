from __future__ import annotations

import json
from pathlib import Path

import fsspec
import pytest

from gisteval.errors import GistevalError
from gisteval.files.object_store import ObjectStore
from gisteval.records.remote.versions import is_manifest, latest_versions, pull_manifest, push_manifest

NAME = "manifest.json"


@pytest.fixture
def store() -> ObjectStore:
    fsspec.filesystem("memory").store.clear()
    return ObjectStore("memory://bucket/run")


def write(path: Path, identity: str = "a", device: str = "cpu", **checks: float) -> Path:
    content = {"identity": {"task": identity}, "device": device, "self_check": checks, "judges": {}}
    path.write_text(json.dumps(content))
    return path


def pulled(store: ObjectStore, path: Path) -> dict:
    pull_manifest(store, NAME, latest_versions(store.list())[NAME], path)
    return json.loads(path.read_text())


def test_which_files_are_manifests() -> None:
    assert is_manifest("manifest.json") and is_manifest("entry/manifest.json")
    assert not is_manifest("results.json")
    assert latest_versions(["manifest.json.versions/000002", "manifest.json.versions/x"]) == {NAME: 2}


def test_the_checks_of_two_machines_are_both_kept(store, tmp_path) -> None:
    push_manifest(store, NAME, write(tmp_path / "one", gist=1.0))
    push_manifest(store, NAME, write(tmp_path / "two", device="cuda", pos=2.0))
    push_manifest(store, NAME, write(tmp_path / "one", gist=1.0))
    found = pulled(store, tmp_path / "three")
    assert found["self_check"] == {"gist": 1.0, "pos": 2.0}


def test_a_number_that_was_taken_meanwhile_costs_nothing(store, tmp_path, monkeypatch) -> None:
    """Another machine writes between the listing and the creation."""
    write(tmp_path / "other", pos=2.0)
    listed = store.list

    def then_other(folder: str) -> dict[str, str]:
        found = listed(folder)
        monkeypatch.setattr(store, "list", listed)
        push_manifest(store, NAME, tmp_path / "other")
        return found

    monkeypatch.setattr(store, "list", then_other)
    push_manifest(store, NAME, write(tmp_path / "one", gist=1.0))
    assert pulled(store, tmp_path / "three")["self_check"] == {"gist": 1.0, "pos": 2.0}


def test_what_says_nothing_new_is_no_new_version(store, tmp_path) -> None:
    for _ in range(2):
        push_manifest(store, NAME, write(tmp_path / "one", gist=1.0))
    assert list(store.list()) == ["manifest.json.versions/000001"]


def test_another_run_is_refused_both_ways(store, tmp_path) -> None:
    push_manifest(store, NAME, write(tmp_path / "one"))
    other = write(tmp_path / "two", identity="b")
    for act in (lambda: push_manifest(store, NAME, other), lambda: pulled(store, other)):
        with pytest.raises(GistevalError, match="memory://bucket/run holds another run"):
            act()


def test_what_was_only_noted_here_stays(store, tmp_path) -> None:
    push_manifest(store, NAME, write(tmp_path / "one", gist=1.0))
    here = write(tmp_path / "two", device="cuda", pos=2.0)
    assert pulled(store, here)["self_check"] == {"gist": 1.0, "pos": 2.0}
    assert json.loads(here.read_text())["device"] == "cpu"


@pytest.mark.parametrize("content", [b"", b"[]", b'{"judges": 3}'])
def test_what_is_no_manifest_is_one_line(store, tmp_path, content: bytes) -> None:
    store.write("manifest.json.versions/000001", content)
    with pytest.raises(GistevalError, match="is damaged or no manifest"):
        pulled(store, tmp_path / "one")
