"""Who does what next, played through without any cluster: all work is done once, whatever happens."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gisteval.compressors.spec import build_compressor
from gisteval.errors import GistevalError, InvalidRun
from gisteval.executors.schedule import PARTS, TRIES, BatchTask, Load, Open, Opened, Schedule
from gisteval.executors.work import Checked, Job, Portion, SystemWork
from gisteval.generation.answering import Window
from gisteval.generation.outcomes import Failed, TooLong
from gisteval.records.schema import Example

SIZES = (5, 5, 3)
"""Examples of the batches of one window; a split has two such windows, and one example too long."""


def work_of(checkpoint: str, number: int = 0, compressor: str = "full") -> SystemWork:
    record = SimpleNamespace(k=1)
    system: Any = SimpleNamespace(
        name=f"{checkpoint}-{number}",
        checkpoint=SimpleNamespace(path=checkpoint, record=record),
        method=lambda: build_compressor(compressor),
    )
    count = 2 * sum(SIZES) + 1
    examples = {s: [Example(f"{s}{n}", "t", s, f"say {s} {n}", "", "") for n in range(count)] for s in "ab"}
    return SystemWork(Job(system, system.name), examples, {split: set() for split in examples})


def plan(examples: list[Example]) -> list[Any]:
    parts: list[Any] = [(TooLong(examples[-1], 9, 8),)]
    start = 0
    for _ in range(2):
        batches = []
        for size in SIZES:
            batches.append(tuple(range(start, start + size)))
            start += size
        groups = tuple((examples[i].instruction,) for batch in batches for i in batch)
        parts.append(Window(groups, tuple(batches)))
    return parts


def answer(task: Any) -> Any:
    if isinstance(task, Load):
        return None
    if isinstance(task, Open):
        return Opened(None, {split: plan(list(found)) for split, found in task.examples.items()})
    texts = {example.instruction for example in task.examples}
    assert texts == {text for group in task.groups for text in group} or not task.whole
    assert texts <= {text for group in task.groups for text in group}
    records = [{"key": task.job.key(example), "example": example.id} for example in task.examples]
    return Portion(task.job.system.name, task.split, records, [])


def expected(works: list[SystemWork]) -> list[str]:
    return sorted(work.job.key(e) for work in works for found in work.examples.values() for e in found[:-1])


@pytest.mark.parametrize("compressors", [("knorm", "keydiff", "full"), ("knorm", "tova+pyramid", "full")])
def test_evictors_of_a_checkpoint_share_windows(compressors: tuple[str, ...]) -> None:
    works = [work_of("c", number, text) for number, text in enumerate(compressors)]
    schedule, events, mates = Schedule(works), [], {}
    while not schedule.finished:
        task = schedule.next(0)
        if isinstance(task, BatchTask):
            mates.setdefault(task.job.system.name, set()).add(len(task.mates))
        events += schedule.done(task, answer(task))
    assert keys(events) == expected(works)
    shares = {2} if compressors[1] == "keydiff" else {0}
    assert mates == {"c-0": shares, "c-1": shares, "c-2": {0}}


def keys(events: list[Any]) -> list[str]:
    return sorted(r["key"] for event in events if isinstance(event, Portion) for r in event.records)


@given(st.integers(1, 9), st.integers(1, 4), st.integers(0, 2**32))
def test_everything_is_done_once_while_workers_come_and_die(workers: int, systems: int, seed: int) -> None:
    draw = Random(seed)
    works = [work_of(f"c{n // 2}", n) for n in range(systems)]
    schedule = Schedule(works)
    held: dict[int, list[Any]] = {n: [] for n in range(workers)}
    events: list[Any] = []
    blamed: dict[Any, int] = {}
    born = workers
    while not schedule.finished:
        for worker, tasks in held.items():
            while len(tasks) < 2:
                task = schedule.next(worker, idle=not tasks)
                if task is None:
                    break
                tasks.append(task)
        busy = [worker for worker, tasks in held.items() if tasks]
        assert busy, "work is left and nobody does it"
        worker = draw.choice(busy)
        first = held[worker][0]
        if draw.random() < 0.1 and blamed.get(str(first), 0) < TRIES - 1:
            blamed[str(replace(first, tries=0) if isinstance(first, BatchTask) else first)] = TRIES
            schedule.lost(worker)
            tasks = held.pop(worker)
            for task in tasks[1:]:
                schedule.returned(task)
            events += schedule.failed(first, "its worker died")
            held[born] = []
            born += 1
            continue
        held[worker].pop(0)
        events += schedule.done(first, answer(first))
    assert keys(events) == expected(works)
    checked = [event.system for event in events if isinstance(event, Checked)]
    assert sorted(checked) == sorted(work.job.system.name for work in works)
    long = [event for event in events if isinstance(event, Portion) and event.without]
    assert len(long) == 2 * systems


def test_workers_spread_over_checkpoints_then_help() -> None:
    works = [work_of("c0", 0), work_of("c0", 1), work_of("c1", 2)]
    schedule = Schedule(works)
    first, second = schedule.next(1), schedule.next(2)
    assert (first.job, second.job) == (works[0].job, works[2].job)
    assert schedule.next(1, idle=False) is None
    list(schedule.done(second, answer(second)))
    batch = schedule.next(2)
    assert isinstance(batch, BatchTask) and batch.job == works[2].job
    # Two of the window's three batchs are left, one of which is nobody else's to wait for.
    assert schedule.next(2, idle=False).window == batch.window
    assert schedule.next(2, idle=False) is None
    third, fourth = schedule.next(3), schedule.next(4)
    assert isinstance(third, BatchTask) and third.window != batch.window  # where nobody is
    assert isinstance(fourth, Open) and fourth.job == works[1].job  # c0 has one worker, c1 has two
    assert isinstance(schedule.next(5), BatchTask)


def test_a_worker_without_work_loads_what_is_being_opened() -> None:
    work = work_of("c0")
    schedule = Schedule([work])
    assert isinstance(schedule.next(1), Open)
    assert schedule.next(2) == Load(work.job.system.checkpoint)
    assert schedule.next(2) is None


def play(schedule: Schedule, poison: set[str]) -> tuple[list[Any], int]:
    events, tried = [], 0
    while not schedule.finished:
        task = schedule.next(1)
        if isinstance(task, BatchTask) and poison & {example.id for example in task.examples}:
            tried += 1
            events += schedule.failed(task, "ValueError: no")
        else:
            events += schedule.done(task, answer(task))
    return events, tried


def test_one_bad_example_costs_no_other() -> None:
    work = work_of("c0")
    events, tried = play(Schedule([work]), {"a7"})
    failed = [
        item for e in events if isinstance(e, Portion) for item in e.without if isinstance(item, Failed)
    ]
    assert [(item.example.id, item.reason) for item in failed] == [("a7", "ValueError: no")]
    missing = set(expected([work])) - set(keys(events))
    assert missing == {work.job.key(work.examples["a"][7])}
    assert tried == 2 * TRIES


def test_a_large_batch_is_cut_in_parts_first() -> None:
    work = work_of("c0")
    schedule = Schedule([work])
    task = schedule.next(1)
    rows = [Example(f"x{n}", "t", "a", "say", "", "") for n in range(256)]
    window = Window((("say",),), (tuple(range(256)),))
    work.examples["a"][:] = rows
    list(schedule.done(task, Opened(None, {"a": [window]})))
    events, tried = play(schedule, {"x100"})
    assert tried == TRIES + 1 + TRIES
    assert len(keys(events)) == 255
    assert len(events) == PARTS - 1 + 16


def test_too_many_bad_examples_end_the_run() -> None:
    with pytest.raises(InvalidRun, match="c0-0 on a: 11 examples failed, the last one a"):
        play(Schedule([work_of("c0")]), {f"a{n}" for n in range(20)})


def test_a_checkpoint_that_can_t_be_loaded_ends_the_run() -> None:
    schedule = Schedule([work_of("c0")])
    with pytest.raises(GistevalError, match="half-written"):
        list(schedule.failed(schedule.next(1), "x", GistevalError("c0 is half-written")))
    schedule = Schedule([work_of("c0")])
    for _ in range(TRIES - 1):
        assert list(schedule.failed(schedule.next(1), "its worker died")) == []
    with pytest.raises(GistevalError, match=r"tried 3 times \(its worker died\)"):
        list(schedule.failed(schedule.next(1), "its worker died"))


def test_a_bug_in_the_workers_ends_the_run_as_what_it_is() -> None:
    """Not as an invalid run, nor as a checkpoint that can't be loaded."""
    bug = RuntimeError("in a Ray worker: TypeError: no")
    schedule = Schedule([work_of("c0")])
    for _ in range(TRIES - 1):
        assert list(schedule.failed(schedule.next(1), "TypeError: no", crash=bug)) == []
    with pytest.raises(RuntimeError, match="in a Ray worker: TypeError: no"):
        list(schedule.failed(schedule.next(1), "TypeError: no", crash=bug))
    schedule = Schedule([work_of("c0")])
    with pytest.raises(RuntimeError, match="in a Ray worker"):
        while not schedule.finished:
            task = schedule.next(1)
            if isinstance(task, BatchTask):
                list(schedule.failed(task, "TypeError: no", crash=bug))
            else:
                list(schedule.done(task, answer(task)))


def test_what_is_known_is_not_planned() -> None:
    work = work_of("c0")
    work.known["a"].update(work.job.key(example) for example in work.examples["a"][:5])
    work.known["b"].update(work.job.key(example) for example in work.examples["b"][:4])
    events, _ = play(Schedule([work]), set())
    assert len(keys(events)) == 2 * 26 - 5  # a batch that is partly known is done whole
