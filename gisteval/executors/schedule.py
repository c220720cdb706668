"""Who does what next: shards of work for workers that come and go, and what becomes of a failed one.

Nothing here knows of Ray, or of time. A shard is one batch of the plan that a local run follows, too, and
brings the groups of prompts that it needs, so its records do not depend on who answers it, or when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from gisteval.errors import GistevalError, InvalidRun, counted
from gisteval.executors.queue import TRIES
from gisteval.executors.work import Checked, Event, Job, Portion, Work
from gisteval.generation.answering import Window
from gisteval.generation.outcomes import Failed, TooLong
from gisteval.generation.selfcheck import SelfCheck
from gisteval.models.checkpoints.checkpoint import Checkpoint
from gisteval.records.schema import Example

PARTS = 16
"""Parts that a shard is cut into which fails every time."""

MOST_FAILED = 0.02
FEWEST_FAILED = 10
"""A system with more failed examples than this share of a split, and number, is not gone on with."""


@dataclass(frozen=True, slots=True)
class Load:
    """Load a checkpoint that there will be work on."""

    checkpoint: Checkpoint


@dataclass(frozen=True, slots=True)
class Open:
    """Check a system and plan its work."""

    job: Job
    examples: Mapping[str, Sequence[Example]]

    @property
    def checkpoint(self) -> Checkpoint:
        """Where it is done."""
        return self.job.system.checkpoint


@dataclass(frozen=True, slots=True)
class Opened:
    """The answer to Open: the plan by split."""

    check: SelfCheck
    plan: Mapping[str, Sequence[tuple[TooLong, ...] | Window]]


@dataclass(frozen=True, slots=True)
class Shard:
    """Answer a batch. window: shards of one window share compressed prompts; tries: that have failed."""

    job: Job
    split: str
    window: int
    groups: tuple[tuple[str, ...], ...]
    examples: tuple[Example, ...]
    whole: bool = True
    tries: int = 0

    @property
    def checkpoint(self) -> Checkpoint:
        """Where it is done."""
        return self.job.system.checkpoint


Task = Load | Open | Shard


@dataclass(slots=True)
class _Window:
    checkpoint: Checkpoint
    shards: list[Shard] = field(default_factory=list)
    workers: set[int] = field(default_factory=set)
    unfinished: int = 0


@dataclass(slots=True)
class _Place:
    checkpoint: Checkpoint | None = None
    window: int | None = None


class Schedule:
    """Hands out the works of a run; whoever asks is known by a number.

    A worker stays with the prompts it has compressed, then with the checkpoint it has loaded; it goes
    where nobody is before it helps somebody.
    """

    def __init__(self, works: Sequence[Work]) -> None:
        self._works = {work.job.system.name: work for work in works}
        self._unopened = [Open(work.job, work.examples) for work in works]
        self._opening: dict[str, Open] = {}
        self._tries: dict[str, int] = {}
        self._windows: dict[int, _Window] = {}
        self._numbers = 0
        self._places: dict[int, _Place] = {}
        self._failed: dict[tuple[str, str], list[Failed]] = {}

    @property
    def finished(self) -> bool:
        """True once nothing is left to hand out or to wait for."""
        return not (self._unopened or self._opening or self._windows)

    def next(self, worker: int, idle: bool = True) -> Task | None:
        """What a worker is to do, None if there is nothing (yet).

        idle: False asks for what it can wait with, so that it never runs dry: only shards of the window
        it is at, and not the last ones, which others may come for.
        """
        place = self._places.setdefault(worker, _Place())
        own = self._windows.get(place.window) if place.window is not None else None
        if own is not None and len(own.shards) > (0 if idle else len(own.workers)):
            return own.shards.pop()
        if not idle:
            return None
        self._leave(worker)
        numbers = [number for number, window in self._windows.items() if window.shards]
        number = min(numbers, key=lambda n: self._rank(place, n), default=None)
        task = min(self._unopened, key=lambda o: self._crowd(place, o.checkpoint), default=None)
        if number is not None:
            window = self._windows[number]
            ranks = (*self._crowd(place, window.checkpoint), len(window.workers))
            if task is None or ranks <= (*self._crowd(place, task.checkpoint), 0):
                place.checkpoint, place.window = window.checkpoint, number
                window.workers.add(worker)
                return window.shards.pop()
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
        """Take what a worker made of a task."""
        if isinstance(task, Open):
            assert isinstance(value, Opened)
            name = task.job.system.name
            yield Checked(name, value.check)
            for split, parts in value.plan.items():
                yield from self._plan(self._works[name], split, parts)
            del self._opening[name]
        elif isinstance(task, Shard):
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
        """A task ended in an error, or its worker died at it: it is tried again, then cut up.

        refusal: an expected error. Raises it where no example is to blame, and InvalidRun if too many
        examples fail; in place of either the crash, if it was an unexpected error.
        """
        if isinstance(task, Shard):
            yield from self._failed_shard(replace(task, tries=task.tries + 1), reason, crash)
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
        """A task that nobody has begun is there for others again."""
        if isinstance(task, Shard):
            self._windows[task.window].shards.append(task)
        elif isinstance(task, Open):
            del self._opening[task.job.system.name]
            self._unopened.insert(0, task)

    def lost(self, worker: int) -> None:
        """A worker is gone; its tasks are reported one by one."""
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
        """0 for the checkpoint that a worker has loaded; then how many others have loaded another."""
        if place.checkpoint == checkpoint:
            return 0, 0
        return 1, sum(other.checkpoint == checkpoint for other in self._places.values())

    def _rank(self, place: _Place, number: int) -> tuple[int, ...]:
        window = self._windows[number]
        return *self._crowd(place, window.checkpoint), len(window.workers), -len(window.shards), number

    def _plan(
        self, work: Work, split: str, parts: Sequence[tuple[TooLong, ...] | Window]
    ) -> Iterator[Portion]:
        examples, done = work.examples[split], work.done(split)
        known = len(done)
        for part in parts:
            if not isinstance(part, Window):
                if part:
                    yield Portion(work.job.system.name, split, [], list(part))
                continue
            self._numbers += 1
            window = _Window(work.job.system.checkpoint)
            for batch in part.batches:
                if known and done.issuperset(batch):
                    continue
                chosen = tuple(examples[index] for index in batch)
                texts = {example.instruction for example in chosen}
                groups = tuple(group for group in part.groups if not texts.isdisjoint(group))
                window.shards.append(Shard(work.job, split, self._numbers, groups, chosen))
            window.unfinished = len(window.shards)
            if window.shards:
                self._windows[self._numbers] = window

    def _settle(self, shard: Shard) -> None:
        window = self._windows[shard.window]
        window.unfinished -= 1
        if not window.unfinished:
            del self._windows[shard.window]

    def _failed_shard(self, shard: Shard, reason: str, crash: Exception | None) -> Iterator[Event]:
        rows = len(shard.examples)
        window = self._windows[shard.window]
        if shard.tries < (TRIES if shard.whole or rows == 1 else 1):
            window.shards.append(shard)
            return
        if rows > 1:
            size = -(-rows // PARTS)
            parts = [shard.examples[start : start + size] for start in range(0, rows, size)]
            window.shards += [replace(shard, examples=part, whole=False, tries=0) for part in parts]
            window.unfinished += len(parts) - 1
            return
        system, split = shard.job.system.name, shard.split
        failed = Failed(shard.examples[0], reason)
        named = self._failed.setdefault((system, split), [])
        named.append(failed)
        if len(named) > max(FEWEST_FAILED, MOST_FAILED * len(self._works[system].examples[split])):
            if crash is not None:
                raise crash
            raise InvalidRun(
                f"{system} on {split}: {counted(len(named), 'example')} failed, the last one "
                f"{failed.example.id} ({reason}): what was written is kept, the same command tries again"
            )
        self._settle(shard)
        yield Portion(system, split, [], [failed])
