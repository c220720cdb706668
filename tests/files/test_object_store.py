from __future__ import annotations

import fsspec
import pytest

from gisteval.errors import GistevalError
from gisteval.files.object_store import AT_A_TIME, ObjectStore


@pytest.fixture
def store() -> ObjectStore:
    """An empty bucket in memory."""
    system = fsspec.filesystem("memory")
    system.store.clear()
    return ObjectStore("memory://bucket/runs/first/")


def test_what_is_written_is_listed_and_read_by_its_name(store) -> None:
    store.write("a/b.txt", b"one")
    store.write("c.txt", b"two")
    assert list(store.list()) == ["a/b.txt", "c.txt"]
    assert dict(store.read(["c.txt", "a/b.txt"])) == {"a/b.txt": b"one", "c.txt": b"two"}


def test_more_objects_than_are_fetched_together_are_all_read_in_order(store) -> None:
    names = [f"{number:03}" for number in range(AT_A_TIME + 3)]
    for name in names:
        store.write(name, name.encode())
    assert [(name, content.decode()) for name, content in store.read(names)] == [(n, n) for n in names]


def test_an_address_has_nothing_of_its_neighbour(store) -> None:
    ObjectStore("memory://bucket/runs/first-2").write("a", b"other")
    assert store.list() == {}


def test_an_object_is_created_once(store) -> None:
    assert store.create("m", b"mine")
    assert not store.create("m", b"yours")
    assert dict(store.read(["m"])) == {"m": b"mine"}


def test_a_version_changes_with_the_object(store) -> None:
    store.write("a", b"one")
    before = store.list()
    assert store.list() == before
    store.write("a", b"two")
    assert store.list() != before


@pytest.mark.parametrize("name", ["../out", "a/../../out", "a\\b", "C:x", "a//b", "new\nline"])
def test_names_that_leave_a_folder_are_not_listed(store, name: str) -> None:
    fsspec.filesystem("memory").store[f"/bucket/runs/first/{name}"] = (
        fsspec.implementations.memory.MemoryFile(None, "x", b"")
    )
    assert store.list() == {}


def test_what_can_not_be_read_is_one_line(store) -> None:
    with pytest.raises(GistevalError, match="memory://bucket/runs/first can't be read"):
        list(store.read(["missing"]))


def test_an_unknown_kind_of_store_is_one_line() -> None:
    with pytest.raises(GistevalError, match="nothing://x can't be reached"):
        ObjectStore("nothing://x")


def test_a_missing_extra_is_named(monkeypatch) -> None:
    def absent(*_: object, **__: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec, "url_to_fs", absent)
    with pytest.raises(GistevalError, match=r"pip install 'gisteval\[s3\]'"):
        ObjectStore("s3://bucket/run")
