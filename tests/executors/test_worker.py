"""A worker's records are a local run's, and evictors of one checkpoint share passes over their prompts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from gisteval.executors import worker as worker_module
from gisteval.executors.local import LocalExecutor
from gisteval.executors.schedule import Schedule
from gisteval.executors.work import Job, Portion, Settings, SystemWork
from gisteval.executors.worker import GenerationWorker
from gisteval.generation.answering import Decoding
from gisteval.generation.sampling import Sampling
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.placement import Placement
from gisteval.records.budget import Budget
from gisteval.records.samples import sampled
from gisteval.records.schema import Example
from gisteval.suite import System

EXAMPLES = [
    Example(f"e{n}", "t", "s", f"say {'cats ' * (n % 5)}{n % 9}", "dogs " * (n % 3), f"yes {n}")
    for n in range(20)
]


def works_of(folder: Any, examples: Sequence[Example] = EXAMPLES) -> list[SystemWork]:
    checkpoint = inspect_checkpoint(folder)
    systems = [
        System(f"{spec}-{slots}", checkpoint, "candidate", None, None, spec, Budget(slots=slots))
        for spec in ("knorm", "keydiff", "snapkv@query")
        for slots in (2, 4)
    ]
    return [SystemWork(Job(one, one.name), {"s": examples}, {"s": set()}) for one in systems]


def records(events: Any) -> dict[str, dict[str, object]]:
    found = [record for event in events if isinstance(event, Portion) for record in event.records]
    assert len(found) == len({record["key"] for record in found})
    return {str(record["key"]): record for record in found}


def test_records_are_equal_and_passes_are_shared(tiny_suite, monkeypatch) -> None:
    works = works_of(tiny_suite / "pos_control")
    settings = Settings(Placement(torch.device("cpu"), torch.float32), Decoding(4, batch_size=6))
    local = records(LocalExecutor().run(works, settings))
    groups: Counter[tuple[str, ...]] = Counter()
    right = worker_module.compressed_for_each

    def counted(model: Any, wanted: Any, group: Any, halving: Any) -> Any:
        groups[tuple(group)] += 1
        assert len(wanted) == 4
        return right(model, wanted, group, halving)

    monkeypatch.setattr(worker_module, "compressed_for_each", counted)
    worker, schedule, events = GenerationWorker(settings), Schedule(works), []
    while not schedule.finished:
        task = schedule.next(0)
        events += schedule.done(task, worker(task))
    assert records(events) == local
    assert set(groups.values()) == {1}


def test_drawn_records_are_those_of_a_local_run(tiny_suite) -> None:
    """Two workers take tasks by turns, so batches are answered in another order and elsewhere."""
    works = works_of(tiny_suite / "pos_control", list(sampled(EXAMPLES[:8], 3)))
    decoding = Decoding(4, batch_size=6, sampling=Sampling(15.0, 2))
    settings = Settings(Placement(torch.device("cpu"), torch.float32), decoding)
    local = records(LocalExecutor().run(works, settings))
    assert len(local) == 6 * 24 and len({record["output"] for record in local.values()}) > 24
    workers, schedule, events = (
        (GenerationWorker(settings), GenerationWorker(settings)),
        Schedule(works),
        [],
    )
    while not schedule.finished:
        for number, worker in enumerate(workers):
            task = schedule.next(number)
            if task is not None:
                events += schedule.done(task, worker(task))
    assert records(events) == local
