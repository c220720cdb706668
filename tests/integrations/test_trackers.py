"""Trackers hold the numbers of results.json, read back with their own packages."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest
from finished_runs import finished_run

from gisteval.errors import MissingExtra
from gisteval.integrations import trackers
from gisteval.integrations.trackers import TRACKERS, check_trackers, log_run, tracked
from gisteval.options import described
from gisteval.records.run_folder import RunFolder


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    """A finished run of two systems whose names differ in a letter that trackers don't take."""
    return finished_run(tmp_path / "mine", {"m-keydiff-25%": 2, "m-keydiff-25=": 3})


def test_each_number_of_the_results_is_there_once_under_a_name_that_trackers_take(run) -> None:
    content = tracked(run)
    values = [row.value for row in run.results()]
    stems = [name for name in content.numbers if not name.endswith((".ci_low", ".ci_high", ".retention"))]
    assert sorted(content.numbers[name] for name in stems) == sorted(values)
    assert content.numbers["s/m-keydiff-25_/exact_match"] == 50.0
    assert content.numbers["s/m-keydiff-25_/exact_match_"] == 75.0
    assert content.files == (run.path / "results.json",)


def test_the_choices_of_the_option_are_the_trackers() -> None:
    from gisteval.config import RunConfig

    assert described(RunConfig)["log_to"].option.choices == tuple(TRACKERS)


def test_a_missing_tracker_is_named_with_its_extra(monkeypatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(trackers.importlib, "import_module", missing)
    with pytest.raises(MissingExtra, match=r"pip install 'gisteval\[wandb\]'"):
        check_trackers(["wandb"])


def test_mlflow_gives_the_numbers_back_from_its_local_files(run, tmp_path, monkeypatch) -> None:
    mlflow = pytest.importorskip("mlflow")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", (tmp_path / "store").as_uri())
    (said,) = log_run(run, ["mlflow"])
    client = mlflow.MlflowClient(tracking_uri=(tmp_path / "store").as_uri())
    (experiment,) = client.search_experiments(filter_string="name = 'gisteval'")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.run_id in said and found.info.run_name == "mine"
    assert found.data.metrics == pytest.approx(tracked(run).numbers)
    assert [file.path for file in client.list_artifacts(found.info.run_id)] == ["results.json"]


def test_trackio_gives_the_numbers_back(run, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    trackio = pytest.importorskip("trackio")
    log_run(run, ["trackio"])
    (found,) = list(trackio.Api().runs("gisteval"))
    assert found.name == "mine" and found.config.items() >= tracked(run).settings.items()
    storage = pytest.importorskip("trackio.sqlite_storage").SQLiteStorage
    (kept,) = storage.get_logs("gisteval", "mine")
    assert {name: kept[name] for name in tracked(run).numbers} == tracked(run).numbers


def test_wandb_keeps_the_numbers_offline(run, tmp_path, monkeypatch) -> None:
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    (said,) = log_run(run, ["wandb"])
    wandb.teardown()  # waits for the process that writes the file
    (kept,) = tmp_path.glob("wandb/offline-run-*/run-*.wandb")
    assert str(kept.parent) in said
    numbers, files = wandb_records(kept)
    assert numbers == tracked(run).numbers and "results.json" in files


def wandb_records(file: Path) -> tuple[dict[str, float], set[str]]:
    """The summary and the names of the files in a .wandb file, by the package's own messages.

    The file is a log as in LevelDB: 7 bytes of header, then blocks of 32 KiB with parts of records, each
    behind a checksum, its length, and whether it is a whole record (1), its start, middle or end (4).
    """
    from wandb.proto.wandb_internal_pb2 import Record

    content, place, block, whole = file.read_bytes(), 7, 1 << 15, b""
    numbers, files = {}, set()
    while place + 7 <= len(content):
        if block - place % block < 7:  # too little of the block is left for another part
            place += block - place % block
            continue
        _, length, kind = struct.unpack("<IHB", content[place : place + 7])
        whole += content[place + 7 : place + 7 + length]
        place += 7 + length
        if kind in (1, 4):
            record = Record.FromString(whole)
            whole = b""
            numbers |= {item.key: json.loads(item.value_json) for item in record.summary.update}
            files |= {item.path for item in record.files.files}
    own = {"", "_runtime"}  # what the package adds
    return {name: number for name, number in numbers.items() if name not in own}, files
