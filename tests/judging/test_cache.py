"""The file of replies that were paid for."""

from __future__ import annotations

from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.judging.cache import Reply, ReplyCache


def test_replies_come_back(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "cache.sqlite"
    replies = [(f"key {n}", Reply(f"text ü {n}", n, n + 1)) for n in range(1200)]
    with ReplyCache(file) as cache:
        cache.put(replies)
        cache.put([("key 3", Reply("newer", 1, 1))])
    with ReplyCache(file) as cache:
        found = cache.get([*(key for key, _ in replies), "unknown"])
    assert found == {**dict(replies), "key 3": Reply("newer", 1, 1)}


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
