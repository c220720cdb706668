from __future__ import annotations

import time
from pathlib import Path

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from gisteval.errors import GistevalError
from gisteval.records.remote import mirrored as module
from gisteval.records.remote.mirror import Mirror
from gisteval.records.remote.mirrored import mirrored


@pytest.fixture
def mirror(tmp_path) -> Mirror:
    fsspec.filesystem("memory").store.clear()
    return Mirror("memory://bucket/run", tmp_path)


def objects() -> set[str]:
    return {name.rpartition("/")[2] for name in fsspec.filesystem("memory").store}


def fill(folder: Path, name: str = "results.json") -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("1")


def test_what_is_written_inside_is_there_afterwards(mirror, tmp_path) -> None:
    with mirrored(mirror):
        fill(mirror.folder)
    other = Mirror("memory://bucket/run", tmp_path / "other")
    with mirrored(other):
        assert (other.folder / "results.json").read_text() == "1"


def test_it_is_written_when_the_command_fails_too(mirror) -> None:
    with pytest.raises(KeyboardInterrupt), mirrored(mirror):
        fill(mirror.folder)
        raise KeyboardInterrupt
    assert objects() == {"results.json"}


def test_it_is_written_while_the_command_works(mirror, monkeypatch) -> None:
    monkeypatch.setattr(module, "PAUSE", 0.01)
    with mirrored(mirror):
        fill(mirror.folder)
        end = time.monotonic() + 20
        while not objects() and time.monotonic() < end:
            time.sleep(0.01)
        assert objects() == {"results.json"}


def test_a_bucket_that_is_away_at_the_end_costs_nothing(mirror, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(module, "PAUSE", 0.01)
        with (
            pytest.raises(GistevalError, match=r"can't be written .*is kept in .*the same command"),
            mirrored(mirror),
        ):

            def away(*_: object, **__: object) -> None:
                raise ConnectionError("away")

            patch.setattr(MemoryFileSystem, "pipe_file", away)
            fill(mirror.folder)
            time.sleep(0.05)  # a push on the way, which fails, does not end the command
    with mirrored(mirror):
        pass
    assert objects() == {"results.json"}
