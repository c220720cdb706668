"""Runs and judging on a real Ray cluster of this machine, on tiny random checkpoints."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("ray", reason="ray is not installed: pip install 'gisteval[ray]'")

EXAMPLES = [(f"say {'cats ' * (n % 7)}{n}", "dogs " * (n % 5), f"yes {n}") for n in range(24)]
WORKERS = Path(__file__).parents[1] / "fixtures"


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """The address of a cluster with room for four workers, which commands in this process use."""
    import ray

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join([str(WORKERS), *sys.path]))
        context = ray.init(
            address="local",
            num_cpus=4,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            object_store_memory=100 * 2**20,
        )
        yield context.address_info["gcs_address"]
        ray.shutdown()


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    from gisteval.executors import ray_pool

    monkeypatch.setattr(ray_pool, "TICK", 0.05)


@pytest.fixture(scope="module")
def task(write_task, tmp_path_factory) -> Path:
    return write_task(tmp_path_factory.mktemp("ray") / "task", EXAMPLES, "one", "two")


@pytest.fixture(scope="module")
def arguments(tiny_suite, task) -> list[object]:
    return ["run", "--model", tiny_suite / "gist-3", "--task", task, "--batch-size", 4]


@pytest.fixture(scope="module")
def local(tiny_suite, task, tmp_path_factory) -> Path:
    """The same run in this process. Don't change it."""
    import gisteval

    folder = tmp_path_factory.mktemp("local") / "run"
    gisteval.run(model=tiny_suite / "gist-3", task=task, batch_size=4, output=folder)
    return folder


def manifest(run: Path) -> dict:
    return json.loads((run / "manifest.json").read_text())


def test_the_records_are_a_local_run_s_though_workers_come_and_die(
    cluster, arguments, local: Path, tmp_path: Path, gisteval, records, results, monkeypatch, caplog
) -> None:
    """One worker at first, a second when the cluster grows, which is killed amid its work."""
    from gisteval.executors.ray_pool import RayPool
    from gisteval.executors.schedule import BatchTask

    answered: Counter[int] = Counter()
    killed: list[int] = []

    def hand_out(pool, worker, source, real=RayPool._hand_out):
        if not (worker.number == 1 and answered[1] >= 3 and len(answered) == 1):  # it waits for the other
            real(pool, worker, source)

    def collect(pool, reference, source, real=RayPool._collect):
        worker, work = pool._tasks[reference]
        if isinstance(work, BatchTask):
            answered[worker.number] += 1
            if worker.number == 2 and not killed:
                killed.append(worker.number)
                os.kill(worker.pid, signal.SIGKILL)
        return real(pool, reference, source)

    monkeypatch.setattr(RayPool, "_hand_out", hand_out)
    monkeypatch.setattr(RayPool, "_collect", collect)
    monkeypatch.setattr(RayPool, "_room", lambda pool: 1 + (answered[1] >= 3))
    outcome = gisteval(*arguments, "--executor", "ray", "--output", tmp_path / "run")
    assert outcome.code == 0, outcome.err
    assert killed == [2] and answered[1] > 3
    assert "Ray worker 2 died: other workers take over its tasks" in caplog.text
    assert records(tmp_path / "run") == records(local)
    assert results(tmp_path / "run") == results(local)
    ours, theirs = manifest(tmp_path / "run"), manifest(local)
    assert theirs["executor"] == {"name": "local", "workers": 1}
    found = ours["executor"]
    assert (found["name"], found["workers"], found["gpus_per_worker"]) == ("ray", None, 0.0)
    assert (found["most"], found["lost"]) == (2, 1)
    assert ours["self_check"] == theirs["self_check"]


def test_a_bad_example_is_named_and_costs_no_other_record(
    cluster, tiny_suite, write_task, tmp_path: Path, gisteval, records, results, monkeypatch
) -> None:
    ray_workers = importlib.import_module("ray_workers")
    executor = importlib.import_module("gisteval.executors.ray")
    texts = [(f"say {n}", "thirteen" if n == 13 else "dogs", "yes") for n in range(20)]
    task = write_task(tmp_path / "task", texts)
    arguments = ["run", "--model", tiny_suite / "gist-1", "--task", task, "--batch-size", 5]
    with monkeypatch.context() as patch:
        patch.setattr(executor, "GenerationWorker", ray_workers.superstitious)
        run = [*arguments, "--output", tmp_path / "run", "--executor", "ray", "--num-workers", 1]
        outcome = gisteval(*run)
    assert outcome.code == 0, outcome.err
    note = (
        "note: tiny-gist-1 on test: 1 example failed and has no output (small-test-0014; ValueError: "
        "thirteen is unlucky); the same command tries them again."
    )
    assert note in outcome.err.splitlines()
    failures = json.loads((tmp_path / "run" / "failures.json").read_text())
    assert {(item["example"], item["reason"]) for item in failures} == {
        ("small-test-0014", "ValueError: thirteen is unlucky")
    }
    assert len(failures) == 3
    assert {row["failures"] for row in results(tmp_path / "run")["rows"] if row["metric"] == "rougeL"} == {
        1
    }
    assert all(len(lines) == 19 for lines in records(tmp_path / "run").values())
    assert gisteval(*arguments, "--output", tmp_path / "run").code == 0  # here, nobody minds it
    assert all(len(lines) == 20 for lines in records(tmp_path / "run").values())


@pytest.mark.parametrize(
    ("setup", "code", "said"),
    [
        ("broken", 70, "RuntimeError: in a Ray worker that was set up: IndexError: no such worker (this"),
        ("refusing", 4, "not on this machine"),
    ],
)
def test_what_ends_the_setup_of_a_worker_ends_the_command(
    cluster, arguments, tmp_path: Path, gisteval, monkeypatch, setup: str, code: int, said: str
) -> None:
    ray_workers = importlib.import_module("ray_workers")
    executor = importlib.import_module("gisteval.executors.ray")
    monkeypatch.setattr(executor, "GenerationWorker", getattr(ray_workers, setup))
    outcome = gisteval(*arguments, "--output", tmp_path / "run", "--executor", "ray", "--num-workers", 1)
    assert (outcome.code, outcome.out, outcome.err.count("\n")) == (code, "", 1)
    assert outcome.err.startswith(f"gisteval: {said}")


def test_an_item_that_kills_its_workers_is_isolated(cluster, monkeypatch) -> None:
    from gisteval.executors import queue
    from gisteval.executors.ray_cluster import RayOptions
    from gisteval.executors.ray_pool import RayPool

    ray_workers = importlib.import_module("ray_workers")
    monkeypatch.setattr(queue, "TRIES", 1)
    answers: dict[int, int] = {}
    failed: dict[int, str] = {}
    work = queue.Queue(iter(range(30)), 5, lambda n: n, answers.__setitem__, failed.__setitem__)
    pool = RayPool(RayOptions(workers=2), partial(queue.Answers, ray_workers.Doubling))
    assert list(pool.run(work)) == []
    assert failed == {13: "ValueError: thirteen is unlucky", 17: "its worker died"}
    assert answers == {n: 2 * n for n in range(30) if n not in failed}
    assert pool.lost == 2


def test_interrupted_and_resumed(
    cluster, arguments, local: Path, tmp_path: Path, gisteval, records, results
) -> None:
    run = tmp_path / "run"
    command = [*arguments, "--output", run]
    ray = ["--executor", "ray", "--ray-address", cluster, "--num-workers", 1]
    with subprocess.Popen(
        [sys.executable, "-m", "gisteval", *map(str, [*command, *ray])],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    ) as process:
        while sum(file.read_bytes().count(b"\n") for file in run.glob("generations/*.jsonl")) < 8:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.005)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "gisteval: interrupted; the same command goes on from here"
    assert sum(map(len, records(run).values())) < 144
    assert gisteval(*command).code == 0
    assert records(run) == records(local)
    assert results(run) == results(local)


def test_judging_on_workers_gives_the_same_verdicts(
    cluster, make_run, tmp_path: Path, gisteval, results
) -> None:
    texts = {name: [f"{name[: n % 4]} {n}" for n in range(300)] for name in ("pos", "gist-1")}
    here = make_run(texts, "here")
    there = tmp_path / "there"
    shutil.copytree(here, there)
    assert gisteval("judge", here).code == 0
    outcome = gisteval("judge", there, "--executor", "ray", "--num-workers", 2)
    assert outcome.code == 0, outcome.err
    ours, theirs = (
        sorted(next((run / "verdicts").glob("*gist-1.jsonl")).read_text().splitlines())
        for run in (there, here)
    )
    assert ours == theirs
    assert results(there) == results(here)
