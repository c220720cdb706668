from __future__ import annotations

import json
from collections.abc import Callable

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from gisteval.errors import GistevalError
from gisteval.records.remote.mirror import Mirror
from gisteval.records.store import only_writer

ADDRESS = "memory://bucket/runs/first"


@pytest.fixture
def machine(tmp_path) -> Callable[..., Mirror]:
    """Mirrors on machines, by name, of one bucket that is empty at first."""
    fsspec.filesystem("memory").store.clear()
    return lambda name, address=ADDRESS: Mirror(address, tmp_path / name)


def write(mirror: Mirror, name: str, text: str) -> None:
    path = mirror.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def read(mirror: Mirror) -> dict[str, str]:
    paths = [path for path in mirror.folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return {path.relative_to(mirror.folder).as_posix(): path.read_text() for path in paths}


def test_a_folder_comes_out_elsewhere_as_it_was(machine) -> None:
    one, two = machine("one"), machine("two")
    manifest = json.dumps({"identity": {}, "self_check": {}, "judges": {}}, indent=1) + "\n"
    files = {
        "manifest.json": manifest,
        "examples/test.jsonl": "e\n",
        "generations/a.jsonl": "1\n2\n",
        "report/report.md": "# Report",
    }
    for name, text in files.items():
        write(one, name, text)
    write(one, "log.txt", "its own")
    write(one, "results.json.new", "half")
    one.push()
    two.pull()
    assert read(two) == files
    assert two.folder.name == "first"


def test_a_sweep_finishes_an_entry_last(machine, monkeypatch) -> None:
    one = machine("one")
    for name in ("x/entry.json", "x/results.json", "x/generations/a.jsonl", "x/manifest.json"):
        write(one, name, "{}\n")
    one.push()
    order = list(fsspec.filesystem("memory").store)
    assert [name.split("/x/")[1].split(".")[0] for name in order] == [
        "manifest", "generations/a", "results", "entry"
    ]  # fmt: skip


def test_only_what_changed_is_written_and_read_again(machine, monkeypatch) -> None:
    one, two = machine("one"), machine("two")
    write(one, "results.json", "1")
    write(one, "generations/a.jsonl", "1\n")
    one.push()
    two.pull()
    touched = []
    for kind in ("cat", "pipe_file"):
        monkeypatch.setattr(MemoryFileSystem, kind, lambda *a, kind=kind, **_: touched.append(a))
    one.push()
    two.pull()
    two.push()
    assert touched == []


def test_what_was_written_here_since_is_not_overwritten(machine) -> None:
    one, two = machine("one"), machine("two")
    write(one, "results.json", "1")
    one.push()
    two.pull()
    write(two, "results.json", "newer")
    write(one, "results.json", "other")
    one.push()
    two.pull()
    assert read(two) == {"results.json": "newer"}
    two.push()
    one.pull()
    assert read(one) == {"results.json": "newer"}


def test_deleted_objects_are_written_again(machine) -> None:
    one, two = machine("one"), machine("two")
    write(one, "results.json", "1")
    write(one, "generations/a.jsonl", "1\n")
    one.push()
    fsspec.filesystem("memory").store.clear()
    one.pull()
    one.push()
    two.pull()
    assert read(two) == read(one) == {"results.json": "1", "generations/a.jsonl": "1\n"}


def test_a_run_that_is_written_here_now_is_left_alone(machine) -> None:
    one, two = machine("one"), machine("two")
    for run in ("x", "y"):
        write(one, f"{run}/manifest.json", '{"identity": {}}')
        write(one, f"{run}/results.json", run)
    one.push()
    with only_writer(two.folder / "x"):
        two.pull()
        assert "x/results.json" not in read(two) and read(two)["y/results.json"] == "y"
    two.pull()
    assert read(two)["x/results.json"] == "x"


def test_nothing_is_written_through_a_link(machine, tmp_path) -> None:
    one, two = machine("one"), machine("two")
    write(one, "report/report.md", "# Report")
    one.push()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    two.folder.mkdir(parents=True)
    (two.folder / "report").symlink_to(elsewhere)
    two.pull()
    assert list(elsewhere.iterdir()) == []


def test_two_addresses_of_one_name_have_folders_of_their_own(machine) -> None:
    one, other = machine("one"), machine("one", "memory://other/runs/first")
    assert one.folder != other.folder
    assert one.folder.name == other.folder.name


def test_another_run_in_the_bucket_is_refused(machine) -> None:
    one, two = machine("one"), machine("two")
    write(one, "manifest.json", '{"identity": {"task": "a"}}')
    write(two, "manifest.json", '{"identity": {"task": "b"}}')
    write(two, "generations/a.jsonl", "1\n")
    one.push()
    with pytest.raises(GistevalError, match="holds another run"):
        two.push()
    assert not any("generations" in name for name in fsspec.filesystem("memory").store)
