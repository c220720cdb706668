"""A sweep: what is finished stays, a changed entry reruns only itself, a failed one loses no other."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from gisteval.config import RunConfig
from gisteval.errors import GistevalError
from gisteval.pipeline.sweep.sweep_file import read_sweep
from gisteval.pipeline.sweep.sweep_runs import SweepShard

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def sweep(gisteval, tmp_path: Path) -> Callable[..., Any]:
    """Runs a sweep of this content: sweep(content, *arguments) -> outcome with the parsed JSON as .out."""

    def run(content: dict[str, Any], *arguments: object) -> Any:
        file = tmp_path / "sweep.yaml"
        file.write_text(yaml.safe_dump(content, sort_keys=False))
        return gisteval("sweep", file, "--output", tmp_path / "runs", *arguments, "--json")

    return run


@pytest.fixture
def content(tiny_suite: Path, tiny_task: Path) -> dict[str, Any]:
    """Two checkpoints, an entry each."""
    return {
        "common": {"task": str(tiny_task), "limit": 2, "judge": "none"},
        "grid": {"models": [str(tiny_suite / "gist-1"), str(tiny_suite / "gist-3")]},
    }


def states(outcome: Any) -> list[str]:
    return [entry["state"] for entry in json.loads(outcome.out)["entries"]]


def folders(outcome: Any) -> list[Path]:
    return [Path(entry["folder"]) for entry in json.loads(outcome.out)["entries"]]


def times(folder: Path) -> dict[Path, int]:
    """When each file of a run was written."""
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*") if file.is_file()}


def test_each_entry_has_a_run_of_its_own_and_all_share_a_report(sweep, content, tmp_path) -> None:
    content["grid"]["seeds"] = [0, 1]
    done = sweep(content)
    assert done.code == 0, done.err
    assert states(done) == ["done"] * 4
    found = folders(done)
    assert len(set(found)) == 4
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in found]
    assert [(Path(m["config"]["models"][0]).name, m["config"]["seed"]) for m in manifests] == [
        ("gist-1", 0),
        ("gist-1", 1),
        ("gist-3", 0),
        ("gist-3", 1),
    ]
    page = Path(json.loads(done.out)["report"])
    assert page == tmp_path / "runs" / "report" / "report.html"
    text = (page.parent / "report.md").read_text()
    assert all(f"{folder.name}/tiny-pos_control-1" in text for folder in found)
    # The same again does nothing but the report.
    before = {folder: times(folder) for folder in found}
    again = sweep(content)
    assert (again.code, states(again), folders(again)) == (0, ["finished"] * 4, found)
    assert {folder: times(folder) for folder in found} == before


def test_a_changed_entry_reruns_only_itself(sweep, content, tiny_suite) -> None:
    extra = {"model": str(tiny_suite / "gist-3"), "compressor": "truncate", "budget": 2}
    first = sweep({**content, "entries": [extra]})
    before = {folder: times(folder) for folder in folders(first)}
    again = sweep({**content, "entries": [{**extra, "budget": 3}]})
    assert states(again) == ["finished", "finished", "done"]
    assert folders(again)[:2] == folders(first)[:2]
    assert folders(again)[2] not in folders(first)
    assert {folder: times(folder) for folder in folders(first)} == before
    # What only changes the speed is no change.
    faster = {**content, "common": {**content["common"], "batch_size": 2, "device": "cpu"}}
    assert states(sweep(faster)) == ["finished"] * 2
    assert states(sweep(content, "--allow-host", "judges.example")) == ["finished"] * 2


def test_new_weights_under_an_old_path_are_a_changed_entry(sweep, content, tiny_suite, tmp_path) -> None:
    member = tmp_path / "suite" / "gist-1"
    shutil.copytree(tiny_suite / "gist-1", member)
    content["grid"] = {"model": [str(member), str(tiny_suite / "gist-3")]}
    first = sweep(content)
    shutil.copy(tiny_suite / "gist-3" / "model.safetensors", member)
    again = sweep(content)
    assert states(again) == ["done", "finished"]
    assert folders(again)[0] != folders(first)[0]


def test_a_failing_entry_is_one_line_and_loses_no_other(sweep, content, tmp_path) -> None:
    content["grid"]["models"].insert(0, str(tmp_path / "absent"))
    done = sweep(content)
    assert done.code == 2
    assert states(done) == ["failed", "done", "done"]
    (failed,) = [line for line in done.err.splitlines() if "failed" in line]
    assert failed.startswith("absent-")
    assert "does not exist" in failed
    assert Path(json.loads(done.out)["report"]).is_file()


def test_an_entry_that_breaks_goes_on_the_next_time(sweep, content, monkeypatch, records) -> None:
    from gisteval.records.store import RecordWriter

    whole = RecordWriter.write
    writes = 0

    def broken(writer: Any, found: Any) -> None:
        nonlocal writes
        found = list(found)
        writes += bool(found)
        if writes == 2:  # of the second system of the first entry
            writes += 1
            raise ZeroDivisionError("a fault that nobody foresaw")
        whole(writer, found)

    monkeypatch.setattr(RecordWriter, "write", broken)
    first = sweep(content)
    assert first.code == 70
    assert states(first) == ["failed", "done"]
    assert "ZeroDivisionError: a fault that nobody foresaw" in json.loads(first.out)["entries"][0]["error"]
    monkeypatch.setattr(RecordWriter, "write", whole)
    kept = records(folders(first)[0])
    assert sum(map(len, kept.values())) == 2  # the first system's
    again = sweep(content)
    assert states(again) == ["done", "finished"]
    assert folders(again) == folders(first)
    now = records(folders(again)[0])
    assert all(set(lines) <= set(now[name]) for name, lines in kept.items())
    assert sum(map(len, now.values())) == 6


def test_an_interrupted_sweep_goes_on(sweep, content, monkeypatch) -> None:
    from gisteval.pipeline.sweep import sweep_runs as module

    whole = module.run
    started: list[RunConfig] = []

    def interrupted(config: RunConfig, command: Any) -> Any:
        started.append(config)
        if len(started) == 2:
            raise KeyboardInterrupt
        return whole(config, command)

    monkeypatch.setattr(module, "run", interrupted)
    assert sweep(content).code == 130
    assert states(sweep(content)) == ["finished", "done"]
    assert len(started) == 3


def test_a_lost_mark_costs_no_record(sweep, content, records) -> None:
    first = sweep(content)
    folder = folders(first)[0]
    before = records(folder)
    os.unlink(folder / "entry.json")
    assert states(sweep(content)) == ["done", "finished"]
    assert records(folder) == before


def test_shards_share_the_entries_and_leave_the_report_to_the_last(sweep, content, tmp_path) -> None:
    assert states(sweep(content, "--shard", "2/2")) == ["done"]
    assert not (tmp_path / "runs" / "report").exists()
    assert states(sweep(content)) == ["done", "finished"]
    assert (tmp_path / "runs" / "report" / "report.html").is_file()
    configs = [RunConfig(seed=seed) for seed in range(10)]
    parts = [config for index in (1, 2, 3) for config in SweepShard(index, 3).of(configs)]
    assert sorted(config.seed for config in parts) == list(range(10))
    for text in ("", "3", "0/2", "3/2", "a/b", "1/2/3"):
        with pytest.raises(GistevalError, match="--shard must be I/N"):
            SweepShard.parse(text)


def test_an_entry_given_twice_is_one(sweep, content) -> None:
    content["grid"]["seeds"] = [0, 0]
    assert states(sweep(content)) == ["done", "done"]


def test_the_grid_is_every_combination(tmp_path: Path) -> None:
    file = tmp_path / "sweep.yaml"
    file.write_text(
        "common: {limit: 5, seed: 9}\n"
        "grid:\n  model: [a, [b, c]]\n  ks: [1, 2]\n  splits: ['seen,human', [unseen]]\n"
        "entries:\n- {model: d, seed: 3}\n- {model: e}\n"
    )
    found = read_sweep(file)
    assert found == (
        *(
            RunConfig(models=models, k=k, splits=splits, limit=5, seed=9)
            for models in (("a",), ("b", "c"))
            for k in (1, 2)
            for splits in (("seen", "human"), ("unseen",))
        ),
        RunConfig(models=("d",), limit=5, seed=3),
        RunConfig(models=("e",), limit=5, seed=9),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: [1", "can't be read"),
        ("text", "must be a YAML mapping"),
        ("common: {limit: 3}", "has no entry"),
        ("grids: {seed: [1]}", "unknown section 'grids' .did you mean 'grid'"),
        ("grid: {seed: 1}", "grid: field 'seed' must be a list of values, not 1"),
        ("grid: {seed: []}", "grid: field 'seed' must be a list"),
        ("grid: {seed: [a]}", "grid: field 'seed' must be a whole number, not 'a'"),
        ("grid: {seed: [1], seeds: [2]}", "'seed' is given twice"),
        ("grid: {sed: [1]}", "grid: unknown field 'sed' .did you mean 'seed'"),
        ("grid: [seed]", "grid must be a mapping"),
        ("entries: {seed: 1}", "entries must be a list"),
        ("entries: [{seed: 1}, 5]", "entry 2 must be a mapping"),
        ("entries: [{seed: 1}, {limit: 0}]", "entry 2: limit must be at least 1"),
        ("entries: [{output: here}]", "entry 1: field 'output' can't be set"),
        ("common: {limt: 1}\nentries: [{}]", "common: unknown field 'limt'"),
    ],
)
def test_a_bad_file_is_one_line(refused, tmp_path: Path, text: str, message: str) -> None:
    import re

    file = tmp_path / "sweep.yaml"
    file.write_text(text)
    line = refused("sweep", file, "--output", tmp_path / "runs")
    assert str(file) in line
    assert re.search(message, line), line
    assert not (tmp_path / "runs").exists()


def test_the_example_names_what_is_bundled() -> None:
    found = read_sweep(ROOT / "docs" / "demo-sweep.yaml")
    assert len(found) == 9
    assert all((ROOT / model / "gist.json").is_file() for config in found for model in config.models)
