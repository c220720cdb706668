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


def test_what_is_no_cache_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x" * 5000)
    for path in (tmp_path / "file", tmp_path, tmp_path / "file" / "below"):
        with pytest.raises(GistevalError, match="choose another --cache"):
            ReplyCache(path)


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
