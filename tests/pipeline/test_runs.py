"""The runs of a folder: listed, compared by their manifests, deleted with care."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from three_runs import GOLDEN, three_runs

from gisteval.errors import GistevalError
from gisteval.pipeline.runs import delete_run, diff_runs, list_runs, to_prune
from gisteval.records.store import only_writer


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return three_runs(tmp_path)


def test_runs_are_listed_with_what_they_say(folder: Path, gisteval) -> None:
    rows = list_runs(folder)
    assert [(row.path.name, row.state) for row in rows] == [
        ("a", "finished"),
        ("b", "unfinished"),
        ("c", "damaged"),
    ]
    assert rows[0].headline == "gist-1 on human: ROUGE-L 100.0 (100% retained)"
    assert (rows[0].task, rows[0].models, rows[0].date) == (
        "wordplay",
        ("wordplay-llama",),
        "2023-11-14 22:13:20",
    )
    assert rows[0].bytes == sum(file.stat().st_size for file in GOLDEN.rglob("*") if file.is_file())
    printed = gisteval("runs", "ls", folder)
    assert printed.code == 0 and "sweep/b" in printed.out and "no results yet" in printed.out
    assert json.loads(gisteval("runs", "ls", folder, "--json").out)[1]["state"] == "unfinished"


def test_two_manifests_differ_where_they_differ(folder: Path, gisteval) -> None:
    file = folder / "a" / "manifest.json"
    manifest = json.loads(file.read_text())
    manifest["config"]["limit"] = 5
    manifest["config"]["output"] = "elsewhere"
    manifest["systems"][0]["k"] += 1
    del manifest["versions"]["torch"]
    file.write_text(json.dumps(manifest))
    found = {item.field: (item.first, item.second) for item in diff_runs(folder / "a", GOLDEN)}
    name = manifest["systems"][0]["name"]
    assert set(found) == {"config.limit", f"systems.{name}.k", "versions.torch"}
    assert found["config.limit"][0] == "5" and found["versions.torch"][0] is None
    assert "3 fields differ" in gisteval("runs", "diff", folder / "a", GOLDEN).out
    assert diff_runs(GOLDEN, GOLDEN) == []


def test_rules_name_the_runs_that_can_go(folder: Path) -> None:
    rows = list_runs(folder)

    def names(**rule: object) -> list[str]:
        given = {"unfinished": False, "older_than": None, "keep": None, **rule}
        return [row.path.name for row in to_prune(rows, **given)]

    assert names(unfinished=True) == ["b"]
    assert names(keep=1) == ["b", "c"] and names(keep=9) == []
    assert names(older_than=1) == ["a", "b", "c"] and names(older_than=10**6) == []
    with pytest.raises(GistevalError, match="give --unfinished, --older-than or --keep"):
        names()


def test_what_is_no_run_or_is_written_is_not_deleted(folder: Path) -> None:
    with pytest.raises(GistevalError, match="holds no run"):
        delete_run(folder / "notes")
    with only_writer(folder / "a"), pytest.raises(GistevalError, match="is being written by"):
        delete_run(folder / "a")
    (folder / "a" / "report").mkdir(exist_ok=True)
    (folder / "a" / "report" / "out").symlink_to(folder / "notes")
    with pytest.raises(GistevalError, match="is a link"):
        delete_run(folder / "a")
    assert (folder / "a" / "results.json").is_file()
