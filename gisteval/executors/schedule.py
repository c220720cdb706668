"""The schedule of a run: which worker does which task next, and what happens to failed tasks.

Workers may come and go. Nothing here depends on Ray or on time. A batch is one batch of the plan that a
local run follows as well, and it names the groups of prompts that are compressed together. So its records
don't depend on which worker answers it, or when. Evictors of one checkpoint share their windows, so that a
worker compresses a window's prompts for all of them in one pass, as a local run does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from gisteval.errors import GistevalError, InvalidRun, counted
from gisteval.executors.queue import TRIES
from gisteval.executors.tasks import BatchTask, Load, Open, Opened, Task
from gisteval.executors.work import Checked, Event, Portion, SystemWork, pass_key
from gisteval.generation.answering import Window
from gisteval.generation.outcomes import Failed
from gisteval.models.checkpoints.checkpoint import Checkpoint

PARTS = 16
"""Number of parts that a batch is divided into after it has failed every time."""

MOST_FAILED = 0.02
FEWEST_FAILED = 10
"""A run ends if more examples of a system fail than both this share of a split and this number."""


@dataclass(slots=True)
class _Window:
    checkpoint: Checkpoint
    waiting: list[BatchTask] = field(default_factory=list)
    workers: set[int] = field(default_factory=set)
    unfinished: int = 0


@dataclass(slots=True)
class _Place:
    checkpoint: Checkpoint | None = None
    window: int | None = None


class Schedule:
    """Hands out the tasks of a run to workers, which are known by numbers.

    A worker prefers the prompts it has compressed, then the checkpoint it has loaded. It prefers work that
    no other worker is at.
    """

    def __init__(self, works: Sequence[SystemWork]) -> None:
        """Prepare a schedule of the work of all systems."""
        self._works = {work.job.system.name: work for work in works}
        self._unopened = [Open(work.job, work.examples) for work in works]
        self._mates = mates(works)
        self._plans: dict[str, Opened] = {}
        self._opening: dict[str, Open] = {}
        self._tries: dict[str, int] = {}
        self._windows: dict[int, _Window] = {}
        self._numbers = 0
        self._places: dict[int, _Place] = {}
        self._failed: dict[tuple[str, str], list[Failed]] = {}

    @property
    def finished(self) -> bool:
        """True once no task is left to hand out or to wait for."""
        return not (self._unopened or self._opening or self._windows)

    def next(self, worker: int, idle: bool = True) -> Task | None:
        """Return the next task of a worker, or None if there is none at the moment.

        Args:
            worker: Number of the worker.
            idle: Whether it has no other task. A busy worker only gets batches of its current window, and
                not the last ones, which other workers may need.
        """
        place = self._places.setdefault(worker, _Place())
        current = self._windows.get(place.window) if place.window is not None else None
        if current is not None and len(current.waiting) > (0 if idle else len(current.workers)):
            return current.waiting.pop()
        if not idle:
            return None
        self._leave(worker)
        numbers = [number for number, window in self._windows.items() if window.waiting]
        number = min(numbers, key=lambda n: self._rank(place, n), default=None)
        task = min(self._unopened, key=lambda o: self._crowd(place, o.checkpoint), default=None)
        if number is not None:
            window = self._windows[number]
            ranks = (*self._crowd(place, window.checkpoint), len(window.workers))
            if task is None or ranks <= (*self._crowd(place, task.checkpoint), 0):
                place.checkpoint, place.window = window.checkpoint, number
                window.workers.add(worker)
                return window.waiting.pop()
        if task is not None:
            self._unopened.remove(task)
            self._opening[task.job.system.name] = task
            place.checkpoint = task.checkpoint
            return task
        soon = [o.checkpoint for o in self._opening.values()]
        if soon and place.checkpoint not in soon:
            place.checkpoint = min(soon, key=lambda c: self._crowd(place, c))
            return Load(place.checkpoint)
        return None

    def done(self, task: Task, value: Opened | Portion | None) -> Iterator[Event]:
        """Take the result of a task."""
        if isinstance(task, Open):
            assert isinstance(value, Opened)
            name = task.job.system.name
            yield Checked(name, value.check)
            self._plans[name] = value
            together = self._mates.get(name, (name,))
            if self._plans.keys() >= set(together):
                yield from self._plan_together(together)
            del self._opening[name]
        elif isinstance(task, BatchTask):
            assert isinstance(value, Portion)
            self._settle(task)
            yield value

    def failed(
        self,
        task: Task,
        reason: str,
        refusal: GistevalError | None = None,
        crash: Exception | None = None,
    ) -> Iterator[Event]:
        """Take a failed task, which is tried again and then divided into parts.

        Args:
            task: The task.
            reason: Why it failed, as text.
            refusal: The expected error that it raised, if any. It is raised again if no example caused it.
            crash: The unexpected error that it raised, if any. It is raised instead of the errors below.

        Raises:
            GistevalError: A system could not be opened.
            InvalidRun: Too many examples failed.
        """
        if isinstance(task, BatchTask):
            yield from self._failed_batch(replace(task, tries=task.tries + 1), reason, crash)
        elif refusal is not None:
            raise refusal
        elif isinstance(task, Open):
            name = task.job.system.name
            self._tries[name] = self._tries.get(name, 0) + 1
            if self._tries[name] >= TRIES and crash is not None:
                raise crash
            if self._tries[name] >= TRIES:
                raise GistevalError(
                    f"{name} can't be loaded and checked by a worker, tried {TRIES} times ({reason})"
                )
            self.returned(task)

    def returned(self, task: Task) -> None:
        """Take back a task that was not started."""
        if isinstance(task, BatchTask):
            self._windows[task.window].waiting.append(task)
        elif isinstance(task, Open):
            del self._opening[task.job.system.name]
            self._unopened.insert(0, task)

    def lost(self, worker: int) -> None:
        """Take note that a worker is gone. Its tasks are reported one by one."""
        self._leave(worker)
        self._places.pop(worker, None)

    def _leave(self, worker: int) -> None:
        place = self._places.get(worker)
        if place is not None and place.window is not None:
            window = self._windows.get(place.window)
            if window is not None:
                window.workers.discard(worker)
            place.window = None

    def _crowd(self, place: _Place, checkpoint: Checkpoint) -> tuple[int, int]:
        """(0, 0) for the checkpoint that a worker has loaded, else 1 and how many workers have it."""
        if place.checkpoint == checkpoint:
            return 0, 0
        return 1, sum(other.checkpoint == checkpoint for other in self._places.values())

    def _rank(self, place: _Place, number: int) -> tuple[int, ...]:
        window = self._windows[number]
        return *self._crowd(place, window.checkpoint), len(window.workers), -len(window.waiting), number

    def _plan_together(self, names: Sequence[str]) -> Iterator[Portion]:
        """Windows of systems that are all opened; several systems have the same parts (see `mates`)."""
        works = [self._works[name] for name in names]
        opened = [self._plans.pop(name) for name in names]
        done = {
            (work.job.system.name, split): work.done(split) for work in works for split in work.examples
        }
        for split, parts in opened[0].plan.items():
            for part in parts:
                if not isinstance(part, Window):
                    for name in names if part else ():
                        yield Portion(name, split, [], list(part))
                    continue
                self._numbers += 1
                window = _Window(works[0].job.system.checkpoint)
                left = [
                    (work, batch)
                    for batch in part.batches
                    for work in works
                    if not done[work.job.system.name, split].issuperset(batch)
                ]
                jobs = {work.job.system.name: work.job for work, _ in left}
                shared = tuple(jobs.values()) if len(jobs) > 1 else ()
                for work, batch in left:
                    task = _batch_task(work, split, self._numbers, part, batch)
                    window.waiting.append(replace(task, mates=shared))
                window.unfinished = len(window.waiting)
                if window.waiting:
                    self._windows[self._numbers] = window

    def _settle(self, batch: BatchTask) -> None:
        window = self._windows[batch.window]
        window.unfinished -= 1
        if not window.unfinished:
            del self._windows[batch.window]

    def _failed_batch(self, batch: BatchTask, reason: str, crash: Exception | None) -> Iterator[Event]:
        rows = len(batch.examples)
        window = self._windows[batch.window]
        if batch.tries < (TRIES if batch.whole or rows == 1 else 1):
            window.waiting.append(batch)
            return
        if rows > 1:
            size = -(-rows // PARTS)
            parts = [batch.examples[start : start + size] for start in range(0, rows, size)]
            window.waiting += [replace(batch, examples=part, whole=False, tries=0) for part in parts]
            window.unfinished += len(parts) - 1
            return
        system, split = batch.job.system.name, batch.split
        failed = Failed(batch.examples[0], reason)
        failures = self._failed.setdefault((system, split), [])
        failures.append(failed)
        if len(failures) > max(FEWEST_FAILED, MOST_FAILED * len(self._works[system].examples[split])):
            if crash is not None:
                raise crash
            raise InvalidRun(
                f"{system} on {split}: {counted(len(failures), 'example')} failed, the last one "
                f"{failed.example.id} ({reason}): what was written is kept, and the same command tries "
                "the others again"
            )
        self._settle(batch)
        yield Portion(system, split, [], [failed])


def _batch_task(
    work: SystemWork, split: str, number: int, window: Window, batch: Sequence[int]
) -> BatchTask:
    """A batch of a window, with the groups of prompts that it needs."""
    compressor = work.job.compressor()
    chosen = tuple(work.examples[split][index] for index in batch)
    texts = {compressor.subject(example.instruction, example.input) for example in chosen}
    groups = tuple(group for group in window.groups if not texts.isdisjoint(group))
    return BatchTask(work.job, split, number, groups, chosen)


def mates(works: Sequence[SystemWork]) -> dict[str, tuple[str, ...]]:
    """By system, those whose prompts one pass compresses, itself among them; alone it is left out."""
    passes: dict[tuple[object, ...], list[str]] = {}
    for work in works:
        if (key := pass_key(work)) is not None:
            passes.setdefault(key, []).append(work.job.system.name)
    return {name: tuple(names) for names in passes.values() if len(names) > 1 for name in names}
