"""The file of replies that were paid for."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.judging.cache import ReplyCache
from gisteval.judging.replies import Reply


def test_replies_come_back(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "cache.sqlite"
    replies = [(f"key {n}", Reply(f"text ü {n}", n, n + 1, "stop")) for n in range(1200)]
    with ReplyCache(file) as cache:
        cache.put(replies)
        cache.put([("key 3", Reply("newer", 1, 1))])
    with ReplyCache(file) as cache:
        cached = cache.get([*(key for key, _ in replies), "unknown"])
    assert cached == {**dict(replies), "key 3": Reply("newer", 1, 1)}


def test_two_processes_may_share_it(tmp_path: Path) -> None:
    file = tmp_path / "cache.sqlite"
    with ReplyCache(file) as one, ReplyCache(file) as two:
        one.put([("a", Reply("1", 0, 0))])
        two.put([("b", Reply("2", 0, 0))])
        assert set(one.get(["a", "b"])) == set(two.get(["a", "b"])) == {"a", "b"}


def test_a_place_that_can_hold_no_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for path in (tmp_path, tmp_path / "file" / "below"):
        with pytest.raises(GistevalError, match="choose another --cache"):
            ReplyCache(path)


@pytest.mark.parametrize("pages", [slice(0, 100), slice(0, 4096), slice(100, 8192)])
@pytest.mark.parametrize("filling", [b"\0", b"\xff"])
def test_a_damaged_file_is_set_aside(tmp_path: Path, caplog, pages: slice, filling: bytes) -> None:
    file = tmp_path / "cache.sqlite"
    with ReplyCache(file) as cache:
        cache.put([(f"key {n}", Reply("text" * 20, 1, 1)) for n in range(100)])
    raw = bytearray(file.read_bytes())
    raw[pages] = filling * len(raw[pages])
    raw[: 0 if filling == b"\0" else 16] = b"" if filling == b"\0" else b"SQLite format 3\0"
    file.write_bytes(raw)
    for number in (1, 2):
        with ReplyCache(file) as cache:
            assert cache.get(["key 1"]) == {}
            cache.put([("new", Reply("B", 3, 4))])
        with ReplyCache(file) as cache:
            assert set(cache.get(["key 1", "new"])) == {"new"}
        assert Path(f"{file}.damaged-{number}").read_bytes() == bytes(raw)
        file.write_bytes(raw)
    (first, second) = caplog.messages
    assert first.startswith(f"cache {file} is damaged (") and f"moved to {file}.damaged-1," in first
    assert f"moved to {file}.damaged-2," in second


def test_a_file_that_is_no_cache_is_left_alone(tmp_path: Path, caplog) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("x" * 5000)
    with ReplyCache(file) as cache:
        cache.put([("a", Reply("1", 0, 0))])
        assert set(cache.get(["a"])) == {"a"}
    assert file.read_text() == "x" * 5000
    assert caplog.messages == [
        f"{file} is no cache (file is not a database): it is left alone, and replies are kept in verdicts/ "
        "only"
    ]


def test_a_file_of_an_earlier_version_is_read_and_added_to(tmp_path) -> None:
    path = tmp_path / "old.sqlite"
    base = sqlite3.connect(path)
    base.execute(
        "CREATE TABLE replies (key TEXT PRIMARY KEY, text TEXT NOT NULL, prompt_tokens INTEGER NOT NULL,"
        " completion_tokens INTEGER NOT NULL) WITHOUT ROWID"
    )
    base.execute("INSERT INTO replies VALUES ('old', 'A', 1, 2)")
    base.commit()
    base.close()
    for _ in range(2):
        with ReplyCache(path) as cache:
            cache.put([("new", Reply("B", 3, 4, "stop"))])
            assert cache.get(["old", "new"]) == {"old": Reply("A", 1, 2), "new": Reply("B", 3, 4, "stop")}
