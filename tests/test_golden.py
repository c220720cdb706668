"""The command line makes what it made before: records, rows, verdicts; old folders resume and report.

The frozen files are under tests/golden/. Where a number changes on purpose, `python benchmarks/golden.py
--write` freezes it anew. The old folders stay as the version that wrote them left them.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from golden_runs import (
    GOLDEN,
    ROOT,
    RUNS,
    Call,
    Ended,
    make_runs,
    old_command,
    printed_of_old,
    write_predictions,
)
from golden_tables import (
    Record,
    Tables,
    differences,
    read_tables,
    report_of,
    results_of,
    tables_of,
    thaw_folder,
    write_tables,
)

SHOWN = 40
"""Differences that a failure lists."""

PLANTED = 1.25e-7
"""Put into an old manifest's self-check: no check of these weights gives exactly this."""


@dataclass(frozen=True)
class Made:
    """The runs as they are made now, and what the commands on them printed."""

    folder: Path
    printed: list[Record]


@pytest.fixture(scope="module")
def call(tmp_path_factory) -> Iterator[Call]:
    """The entry point in this process, with an empty cache of judges' replies."""
    from gisteval.cli.app import main

    def run(arguments: Sequence[str]) -> Ended:
        patch.setattr(sys, "argv", ["gisteval", *arguments])
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main()
        return Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield run


@pytest.fixture(scope="module")
def made(call: Call, tmp_path_factory) -> Made:
    folder = tmp_path_factory.mktemp("golden")
    return Made(folder, make_runs(folder, call))


@pytest.fixture
def old(tmp_path: Path) -> Callable[[str], Path]:
    """Copies an old folder with this machine's paths in it."""

    def copy(name: str) -> Path:
        folders = {str(tmp_path): "{RUNS}", str(ROOT): "{ROOT}"}
        return thaw_folder(GOLDEN / name, tmp_path / name, folders)

    return copy


def assert_equal(frozen: Tables, made: Tables) -> None:
    found = differences(frozen, made)
    more = [f"... and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    if found:
        pytest.fail("\n".join(["differs from tests/golden:", *found[:SHOWN], *more]), pytrace=False)


@pytest.mark.parametrize("name", RUNS)
def test_records_and_rows_are_as_they_were(name: str, made: Made) -> None:
    assert_equal(read_tables(GOLDEN / f"{name}.jsonl"), tables_of(made.folder / name))


def test_scores_verdicts_and_comparisons_are_as_they_were(made: Made) -> None:
    frozen = read_tables(GOLDEN / "commands.jsonl")
    assert {record["exit_code"] for record in frozen["commands"]} == {0, 1, 2, 3, 4}
    assert_equal(frozen, {"commands": made.printed})


def test_an_old_run_resumes_without_computing_anything(old, call: Call, tmp_path: Path) -> None:
    run = old("old_run")
    manifest = json.loads((run / "manifest.json").read_text())
    for figures in manifest["self_check"].values():
        figures["max_nll_difference"] = PLANTED
    (run / "manifest.json").write_text(json.dumps(manifest))
    before = records_of(run)
    done = call(old_command("old_run", tmp_path, run))
    assert done.code == 0, done.err
    assert records_of(run) == before
    frozen = read_tables(GOLDEN / "old.jsonl")
    assert_equal(only(frozen, "old_run/"), results_of(run, "old_run/"))
    after = json.loads((run / "manifest.json").read_text())
    assert after["self_check"] == manifest["self_check"]
    assert (after["identity"], after["splits"]) == (manifest["identity"], manifest["splits"])


def test_an_old_import_goes_on_with_the_same_files(old, call: Call, tmp_path: Path) -> None:
    run = old("old_import")
    write_predictions(tmp_path)
    before = records_of(run)
    done = call(old_command("old_import", tmp_path, run))
    assert done.code == 0, done.err
    assert {name: content for name, (_, content) in records_of(run).items()} == {
        name: content for name, (_, content) in before.items()
    }
    frozen = read_tables(GOLDEN / "old.jsonl")
    assert_equal(only(frozen, "old_import/"), results_of(run, "old_import/"))


def test_old_folders_go_on_reporting(old, call: Call) -> None:
    run, imported = old("old_run"), old("old_import")
    for folder in (run, imported):
        done = call(["report", str(folder)])
        assert done.code == 0, done.err
    frozen = read_tables(GOLDEN / "old.jsonl")
    assert_equal(only(frozen, "commands"), {"commands": printed_of_old(run, imported, call)})
    assert_equal(only(frozen, "report/"), report_of(run / "report"))


def only(tables: Tables, begin: str) -> Tables:
    return {name: records for name, records in tables.items() if name.startswith(begin)}


def records_of(run: Path) -> dict[str, tuple[int, bytes]]:
    """When each file of records was last written, and its bytes."""
    files = [file for kind in ("examples", "generations", "verdicts") for file in (run / kind).glob("*")]
    return {
        str(file.relative_to(run)): (file.stat().st_mtime_ns, file.read_bytes()) for file in sorted(files)
    }


@pytest.mark.parametrize(
    ("table", "field", "value"),
    [
        ("generations/wordplay-llama-gist-1", "key", "0" * 32),
        ("generations/wordplay-llama-gist-1", "output", "other"),
        ("generations/wordplay-llama-gist-1", "nll", 5.0),
        ("generations/wordplay-llama-gist-1", "bytes", 6144.0),
        ("verdicts/reference--wordplay-llama-gist-1", "choice", "a"),
        ("results.json rows", "ci_low", -1.0),
        ("results.json rows", "n", None),
        ("results.json judging", "errors", 1),
    ],
)
def test_a_changed_field_is_named(table: str, field: str, value: Any) -> None:
    frozen = read_tables(GOLDEN / "llama.jsonl")
    changed = deepcopy(frozen)
    changed[table][3][field] = value
    (line,) = differences(frozen, changed)
    assert line.startswith(f"{table}: ")
    assert line.endswith(f": {field} was {frozen[table][3][field]!r}, is {value!r}")


def test_records_that_vanish_or_appear_are_named() -> None:
    frozen = read_tables(GOLDEN / "llama.jsonl")
    fewer = deepcopy(frozen)
    table = "generations/wordplay-llama-gist-1"
    gone = fewer[table].pop()
    name = f"{gone['split']} {gone['system']} {gone['example']}"
    assert differences(frozen, fewer) == [f"{table}: {name} is no longer there"]
    assert len(differences(fewer, frozen)) == 1
    del fewer["results.json rows"][0]["n"]
    assert any(line.endswith(": n is no longer there") for line in differences(frozen, fewer))


def test_a_loss_may_differ_in_its_last_digit_only() -> None:
    frozen = {"generations/a": [{"key": "k", "nll": 1.23456}]}
    for value, count in ((1.23457, 0), (1.23458, 1), (1.23456, 0)):
        assert len(differences(frozen, {"generations/a": [{"key": "k", "nll": value}]})) == count


def test_tables_are_read_as_they_were_written(tmp_path: Path) -> None:
    tables = {"a": [{"x": 1, "y": None}, {"x": 2.5, "z": ["ü", {"w": True}]}], "b": [{"x": "\u2028"}]}
    write_tables(tmp_path / "t.jsonl", tables)
    assert read_tables(tmp_path / "t.jsonl") == tables
