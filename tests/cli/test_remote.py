"""Commands on runs in a bucket: one in memory, and one of S3 where the extra s3 and moto are installed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import fsspec
import pytest

from gisteval.cli.remote import local_arguments
from gisteval.errors import GistevalError
from gisteval.records.store import RecordWriter


@pytest.fixture(scope="module")
def s3_server() -> Iterator[str]:
    pytest.importorskip("s3fs", reason="the extra s3 is not installed")
    server = pytest.importorskip("moto.server", reason="moto, which plays S3, is not installed")
    running = server.ThreadedMotoServer(port=0, verbose=False)
    running.start()
    host, port = running.get_host_and_port()
    yield f"http://{host}:{port}"
    running.stop()


@pytest.fixture(params=["memory", "s3"])
def bucket(request, monkeypatch) -> str:
    """The address of an empty bucket."""
    if request.param == "memory":
        fsspec.filesystem("memory").store.clear()
        return "memory://bucket"
    monkeypatch.setenv("AWS_ENDPOINT_URL", request.getfixturevalue("s3_server"))
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    system = fsspec.filesystem("s3")
    name = f"bucket-{abs(hash(request.node.name))}"
    system.mkdir(name)
    return f"s3://{name}"


@pytest.fixture
def machine(monkeypatch, tmp_path) -> Callable[[str], Path]:
    """Goes to a machine of that name, which has a folder of mirrors of its own."""

    def go(name: str) -> Path:
        monkeypatch.setattr("pooch.os_cache", lambda _: tmp_path / name)
        return tmp_path / name

    return go


def mirror_of(place: Path) -> Path:
    (home,) = (place / "mirrors").iterdir()
    return home / "run"


@pytest.fixture
def command(tiny_suite, tiny_task) -> list[object]:
    """A run of three systems with 8 examples each, answered one by one; --output is missing."""
    options = ("--limit", 8, "--batch-size", 1, "--max-new-tokens", 2, "--judge", "none", "--no-report")
    return ["run", "--model", tiny_suite / "gist-3", "--task", tiny_task, *options]


@pytest.fixture
def killed_after(monkeypatch) -> Callable[[int], None]:
    """Makes the next command end after so many records."""

    def kill(count: int) -> None:
        write, done = RecordWriter.write, []

        def some(self, records) -> None:
            write(self, records)
            done.extend(records)
            if len(done) == count:
                monkeypatch.setattr(RecordWriter, "write", write)
                raise KeyboardInterrupt

        monkeypatch.setattr(RecordWriter, "write", some)

    return kill


def test_a_run_goes_on_on_another_machine(
    bucket, machine, command, killed_after, gisteval, records
) -> None:
    first = machine("first")
    killed_after(10)
    assert gisteval(*command, "--output", f"{bucket}/run").code == 130
    second = machine("second")
    killed_after(14)  # all that is left, so none is made twice
    assert gisteval(*command, f"--output={bucket}/run").code == 130
    there, before = records(mirror_of(second)), records(mirror_of(first))
    assert [len(lines) for lines in there.values()] == [8, 8, 8]
    assert sum(map(len, before.values())) == 10
    assert all(set(lines) <= set(there[name]) for name, lines in before.items())


@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
def test_other_commands_read_a_run_in_a_bucket(
    bucket, machine, command, gisteval, records, results, tmp_path
) -> None:
    local, address = tmp_path / "local", f"{bucket}/runs/run"
    machine("first")
    assert gisteval(*command, "--output", address).code == 0
    assert gisteval(*command, "--output", local).code == 0
    second = machine("second")
    assert gisteval("report", address).code == 0
    assert (mirror_of(second) / "report" / "report.md").is_file()
    assert records(mirror_of(second)) == records(local)
    assert results(mirror_of(second)) == results(local)
    gate = ("gate", address, "--baseline", local, "--metric", "rougeL", "--margin", 60)
    assert gisteval(*gate).code == 0
    assert gisteval("judge", address, "--judge", "reference").code == 0
    machine("third")
    assert json.loads(gisteval("judge", address, "--judge", "reference", "--reparse", "--json").out)


def test_two_machines_at_once_lose_no_record(bucket, machine, command, gisteval, records) -> None:
    """The second one begins before the first has written anything: both make all records."""
    address = f"{bucket}/run"
    second = machine("second")
    with local_arguments(["--output", address]):
        machine("first")
        assert gisteval(*command, "--output", address).code == 0
        generations = mirror_of(second) / "generations"
        generations.mkdir()
        (generations / "other.jsonl").write_text("{}\n")
    third = machine("third")
    assert gisteval("report", address).code == 0
    assert len(records(mirror_of(third))) == 4
    assert sum(map(len, records(mirror_of(third)).values())) == 25


@pytest.mark.parametrize("bucket", ["s3"], indirect=True)
def test_shards_of_a_sweep_meet_in_the_bucket(
    bucket, machine, tiny_suite, tiny_task, gisteval, tmp_path
) -> None:
    models = json.dumps([str(tiny_suite / "gist-1"), str(tiny_suite / "gist-3")])
    common = f"{{task: {tiny_task}, limit: 2, max_new_tokens: 2, judge: none}}"
    (tmp_path / "sweep.yaml").write_text(f"grid: {{models: {models}}}\ncommon: {common}\n")
    sweep = ("sweep", tmp_path / "sweep.yaml", "--output", f"{bucket}/run", "--json")
    for shard in ("1/2", "2/2"):
        machine(shard.replace("/", "-"))
        assert gisteval(*sweep, "--shard", shard).code == 0
    machine("last")
    found = json.loads(gisteval(*sweep).out)
    assert [entry["state"] for entry in found["entries"]] == ["finished", "finished"]
    assert Path(found["report"]).is_file()


def test_a_run_that_is_not_there_is_named_by_its_address(bucket, machine, refused) -> None:
    machine("first")
    assert f"{bucket}/nothing holds no run" in refused("report", f"{bucket}/nothing")


def test_a_bucket_without_a_folder_is_refused() -> None:
    with (
        pytest.raises(GistevalError, match="names no folder of a bucket"),
        local_arguments(["s3://bucket/"]),
    ):
        pass


def test_other_arguments_stay_as_they_are() -> None:
    given = ["judge", "runs/a", "--base-url", "http://host/v1"]
    with local_arguments(given) as found:
        assert found == given
