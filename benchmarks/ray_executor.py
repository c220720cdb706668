"""Speed of the Ray executor: two workers against one, and the driver alone with simulated workers.

    python benchmarks/ray_executor.py [--examples 1000] [--repetitions 3] [--records 120000] [--workers 64]

First, one checkpoint of the demo suite answers a split with one worker and with two, each worker on one
thread and the cluster already there. Two times are printed: of answering, from the end of the self-check to
the last record, and of the whole, with the start of the workers' processes and the loading of weights.

Then workers that only pretend to compute send records as fast as they are taken, by the same code, and the
driver hands out batches and writes the records: records a second of wall time, and of the driver's own
processor time. The simulated workers share four processes, which take their part of the machine, too.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gisteval.config import RunConfig
from gisteval.content import find_content
from gisteval.executors.ray_actor import Actor
from gisteval.executors.ray_cluster import RayOptions, import_ray
from gisteval.executors.ray_pool import RayPool, TaskSource, _Worker
from gisteval.executors.schedule import Schedule
from gisteval.executors.tasks import BatchTask, Open, Opened, Task
from gisteval.executors.work import Checked, Event, Portion, Settings, SystemWork
from gisteval.executors.worker import GenerationWorker
from gisteval.generation.answering import Window
from gisteval.generation.selfcheck import SelfCheck
from gisteval.pipeline.run.evaluate import generate, incomplete
from gisteval.pipeline.run.manifest import run_manifest
from gisteval.pipeline.run.plan import plan_run
from gisteval.records.run_folder import RunFolder

ROWS = 64
"""Rows of a simulated batch; eight batches share a window's prompts."""

HOSTS = 4
"""Processes that the simulated workers share."""


class Together(RayPool[Event]):
    """Nobody begins before all are there, so that the time of answering is of all of them."""

    def _hand_out(self, worker: _Worker, source: TaskSource[Event]) -> None:
        if all(other.pid for other in self._workers.values()):
            super()._hand_out(worker, source)


def speed(examples: int, repetitions: int) -> None:
    """One worker and two, on the same batches of the demo suite's first candidate."""
    model = str(find_content("checkpoints") / "wordplay-llama" / "gist-1")
    batch = str(max(1, min(64, examples // 8)))
    plan = plan_run(
        RunConfig(models=(model,), splits=("seen",), limit=examples, batch_size=batch, device="cpu")
    )
    settings = Settings(plan.placement, plan.decoding)
    name = next(iter(plan.evaluated))
    best: dict[int, tuple[float, float]] = {}
    for _ in range(repetitions):
        for workers in (1, 2):
            with tempfile.TemporaryDirectory() as folder:
                work = [
                    w for w in incomplete(plan, _claimed(plan, Path(folder))) if w.job.system.name == name
                ]
                begin, opened, count = time.perf_counter(), 0.0, 0
                pool = Together(RayOptions(workers=workers), partial(GenerationWorker, settings))
                for event in pool.run(Schedule(work)):
                    if isinstance(event, Checked):
                        opened = time.perf_counter()
                    else:
                        count += len(event.records)
                end = time.perf_counter()
            assert count == len(plan.examples["seen"])
            times = (end - opened, end - begin)
            best[workers] = min(best.get(workers, times), times)
    for workers, (answering, whole) in best.items():
        print(f"{workers} workers: answering {answering:.2f} s, whole {whole:.2f} s ({examples} examples)")
    print(f"answering: {best[1][0] / best[2][0]:.2f}x, whole: {best[1][1] / best[2][1]:.2f}x")


class Simulated:
    """A worker that answers at once."""

    def __call__(self, task: Task) -> Opened | Portion | None:
        """What a worker of runs would say, out of thin air."""
        if isinstance(task, Open):
            plan = {split: list(_windows(examples)) for split, examples in task.examples.items()}
            return Opened(SelfCheck(0, 0, 0.0, 0), plan)
        if not isinstance(task, BatchTask):
            return None
        name = task.job.system.name
        template: dict[str, object] = {"system": name, "split": task.split, "task": "bench", "k": 1}
        template |= {"condition": None, "control": None, "compressor": "gist"}
        template |= {
            "output": "a text of some length " * 6,
            "output_tokens": 30,
            "finished": True,
            "source_tokens": 20,
            "template_tokens": 5,
        }
        template |= {"kept": 1, "bytes": 6144, "nll": 1.23456, "target_tokens": 30, "provenance": None}
        records: list[dict[str, object]] = [
            {**template, "key": f"{name}-{example.id}".ljust(32, "0"), "example": example.id, "content": ""}
            for example in task.examples
        ]
        return Portion(name, task.split, records, [])


def _windows(examples: Sequence[Any]) -> Iterator[Window]:
    for start in range(0, len(examples), 8 * ROWS):
        window = range(start, min(start + 8 * ROWS, len(examples)))
        batches = tuple(tuple(window[place : place + ROWS]) for place in range(0, len(window), ROWS))
        yield Window(tuple(tuple(examples[i].instruction for i in batch) for batch in batches), batches)


class SimulatedPool(RayPool[Event]):
    """Many workers in few processes."""

    def _start(self, number: int) -> _Worker:
        hosts = self.__dict__.setdefault("hosts", {})
        if number % HOSTS not in hosts:
            actor = self._ray.remote(num_cpus=0.1, max_concurrency=self.options.workers)(Actor)
            hosts[number % HOSTS] = actor.remote(self._make)
        return _Worker(number, hosts[number % HOSTS])


class SimulatedExecutor:
    """`RayExecutor` with workers that only pretend."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self.begin = self.processor = 0.0

    def facts(self) -> dict[str, Any]:
        """For the manifest."""
        return {"name": "simulated", "workers": self._workers}

    def run(self, given: Sequence[SystemWork], settings: Settings) -> Generator[Event, None, None]:
        """The clock starts with the first event, when the workers' processes are there."""
        for event in SimulatedPool(RayOptions(workers=self._workers), Simulated).run(Schedule(given)):
            if not self.begin:
                self.begin, self.processor = time.perf_counter(), time.process_time()
            yield event


def driver(records: int, workers: int) -> None:
    """How many records a second one process takes and writes."""
    with tempfile.TemporaryDirectory() as scratch:
        plan = plan_run(_simulated_task(Path(scratch) / "task", records // 3))
        folder = _claimed(plan, Path(scratch) / "run")
        executor = SimulatedExecutor(workers)
        generate(plan, folder, executor)
        seconds = time.perf_counter() - executor.begin
        processor = time.process_time() - executor.processor
        count = sum(file.read_bytes().count(b"\n") for file in folder.path.glob("generations/*.jsonl"))
    assert count == 3 * (records // 3)
    print(
        f"driver: {count} records of {workers} simulated workers in {seconds:.2f} s: "
        f"{count / seconds:,.0f} a second, {count / processor:,.0f} a second of its processor time"
    )


def _simulated_task(folder: Path, examples: int) -> RunConfig:
    folder.mkdir()
    rows = (
        {
            "instruction": f"Say the word number {n} of this list twice, please",
            "input": "",
            "output": f"{n}",
        }
        for n in range(examples)
    )
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "task.yaml").write_text(
        "name: bench\nversion: 1\ndescription: simulated\nlicense: Apache-2.0\nmax_new_tokens: 4\n"
        "splits: {test: {file: data.jsonl}}\n"
    )
    model = str(find_content("checkpoints") / "wordplay-llama" / "gist-1")
    return RunConfig(models=(model,), task=str(folder), device="cpu")


def _claimed(plan: Any, path: Path) -> RunFolder:
    folder = RunFolder(path)
    folder.claim(run_manifest(plan, ["benchmark"]), plan.examples)
    return folder


def main() -> None:
    """Start a cluster, then measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=1000)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--records", type=int, default=120_000)
    parser.add_argument("--workers", type=int, default=64)
    options = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    ray = import_ray(RayOptions())
    ray.init(
        address="local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR"
    )
    try:
        driver(options.records, options.workers)
        speed(options.examples, options.repetitions)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
