"""Where items come from: checked downloads from a local server, the data folder, hub data sets."""

from __future__ import annotations

import hashlib
import http.server
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from gisteval.errors import GistevalError
from gisteval.files.tables import read_table
from gisteval.tasks.sources import DATA_DIR_VARIABLE, check_digest, fetch, read_dataset

ITEMS = [
    {"instruction": "say it", "input": 'a, "b"\nc', "output": "日本"},
    {"instruction": "say \u2028 it", "input": "", "output": "x" * 200_000},
]


def as_text(name: str, text: str, folder: Path) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


JSON = json.dumps(ITEMS, ensure_ascii=False)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(GistevalError, match=r"absent\.json does not exist"):
        check_digest(tmp_path / "absent.json", "0" * 64)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_data_folder_comes_before_any_download(tmp_path: Path, monkeypatch) -> None:
    url = "https://example.invalid/data/set.json?raw=true"
    for folder, text in [("a", "[1]"), ("b", "[2]")]:
        (tmp_path / folder).mkdir()
        as_text("set.json", text, tmp_path / folder)
    meant = tmp_path / "b" / "set.json"
    assert fetch(url, sha256(meant), tmp_path) == meant
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(tmp_path))
    assert fetch(url, sha256(meant), None) == meant
    with pytest.raises(GistevalError, match=r"set\.json is corrupt or truncated .*download it again"):
        fetch(url, "0" * 64, None)
    with pytest.raises(
        GistevalError, match=r"other\.json is not in the data folder .*to download the task's url"
    ):
        fetch("https://example.invalid/other.json", "0" * 64, None)
    with pytest.raises(GistevalError, match="is not in the data folder"):
        fetch(url, "0" * 64, tmp_path / "absent")


def address(server: http.server.ThreadingHTTPServer, name: str) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{name}"


def test_a_download_is_checked_and_kept(tmp_path: Path, server) -> None:
    served = as_text("set.json", JSON, tmp_path / "served")
    url, digest = address(server, "set.json?raw=true"), sha256(served)
    first = fetch(url, digest, None)
    assert list(read_table(first)) == ITEMS
    assert (tmp_path / "cache") in first.parents
    assert fetch(url, digest, None) == first
    assert len(server.asked) == 1
    first.write_text("[]")  # a copy that was damaged in the cache is fetched again
    assert list(read_table(fetch(url, digest, None))) == ITEMS


def test_a_wrong_download_is_refused(tmp_path: Path, server) -> None:
    as_text("set.json", "[]", tmp_path / "served")
    url = address(server, "set.json")
    with pytest.raises(GistevalError, match=r"set\.json can't be used \(.*hash.*\): check") as caught:
        fetch(url, "0" * 64, None)
    assert "\n" not in str(caught.value)
    assert not any((tmp_path / "cache").rglob("*.json"))


def test_an_unreachable_file_says_what_to_do(tmp_path: Path, server) -> None:
    with pytest.raises(GistevalError, match=r"absent\.json can't be downloaded \(404.*--data-dir"):
        fetch(address(server, "absent.json"), "0" * 64, None)
    closed = address(server, "set.json").replace(str(server.server_address[1]), "9")
    with pytest.raises(GistevalError, match=r"set\.json can't be downloaded .*--data-dir"):
        fetch(closed, "0" * 64, None)


def test_an_unavailable_data_set_is_one_line(monkeypatch) -> None:
    datasets = pytest.importorskip("datasets")

    def offline(*arguments: object, **options: object) -> Iterator[dict[str, str]]:
        yield {"instruction": "first"}
        raise ConnectionError("the hub\ncan't be reached")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(GistevalError, match=r"'org/set:config:test' can't be loaded .*network") as caught:
        list(read_dataset("org/set:config:test"))
    assert "\n" not in str(caught.value)


def test_an_unknown_data_set_without_network(tmp_path: Path, monkeypatch) -> None:
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GistevalError, match="data set 'no-such-org/no-such-set' can't be loaded"):
        list(read_dataset("no-such-org/no-such-set"))


def test_a_missing_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(GistevalError, match=r"'datasets' is not installed: run pip .*\[data\]"):
        list(read_dataset("org/set"))
