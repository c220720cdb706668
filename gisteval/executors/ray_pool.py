"""A pool of workers on a Ray cluster, which are started, given tasks, and replaced when they die."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from gisteval.errors import GistevalError, one_line
from gisteval.executors.ray_actor import Actor, Reply
from gisteval.executors.ray_cluster import RayOptions, cluster, import_ray

log = logging.getLogger(__name__)

AHEAD = 2
"""Most tasks that a worker has at one time: the current one and the next."""

TICK = 1.0
"""Seconds between two checks of the cluster."""

PATIENCE = 60.0
"""Seconds without any worker before a warning. After ten times as long, the run ends."""

FAILED_STARTS = 3
"""Number of workers in a row that may die while they start. Then no more are started."""

Event = TypeVar("Event", covariant=True)


class TaskSource(Protocol[Event]):
    """Hands out tasks and takes their results."""

    @property
    def finished(self) -> bool:
        """True once no task is left to hand out or to wait for."""

    def next(self, worker: int, idle: bool) -> Any:
        """Return a task or None. `idle` means that the worker has no other task."""

    def done(self, task: Any, value: Any) -> Iterator[Event]:
        """Take the result of a task."""

    def failed(
        self,
        task: Any,
        reason: str,
        refusal: GistevalError | None = None,
        crash: Exception | None = None,
    ) -> Iterator[Event]:
        """Take a failed task.

        Args:
            task: The task.
            reason: Why it failed, as text.
            refusal: The expected error that it raised, if any.
            crash: The unexpected error that it raised, if any. Without an error the worker died.
        """

    def returned(self, task: Any) -> None:
        """Take back a task that was not started."""

    def lost(self, worker: int) -> None:
        """Take note that a worker is gone."""


@dataclass(slots=True)
class _Worker:
    number: int
    handle: Any
    pid: int | None = None
    running: deque[Any] = field(default_factory=deque)


class RayPool(Generic[Event]):
    """A pool of workers that all do the same kind of task."""

    def __init__(self, options: RayOptions, make: Callable[[], Callable[[Any], Any]]) -> None:
        """Prepare a pool.

        Args:
            options: The cluster and the number of workers.
            make: Called in a worker's process. Gives the function that does a task.

        Raises:
            MissingExtra: ray is not installed.
        """
        self.options = options
        self.most = self.lost = 0
        self._ray = import_ray(options)
        self._make = make
        self._workers: dict[int, _Worker] = {}
        self._tasks: dict[Any, tuple[_Worker, Any]] = {}
        self._started = self._failed_starts = 0
        self._warned: set[str] = set()
        self._last_check = self._last_alive = 0.0

    def run(self, source: TaskSource[Event]) -> Generator[Event, None, None]:
        """Do the source's tasks until it is finished. All workers end with it, or when it is closed."""
        with cluster(self._ray, self.options):
            try:
                yield from self._loop(source)
            finally:
                for worker in self._workers.values():
                    self._ray.kill(worker.handle)
                self._workers.clear()
                self._tasks.clear()

    def _loop(self, source: TaskSource[Event]) -> Iterator[Event]:
        self._last_alive = time.monotonic()
        while not source.finished:
            self._staff()
            for worker in self._workers.values():
                self._hand_out(worker, source)
            references = list(self._tasks)
            if not references:
                continue  # the source has nothing left
            ready, waiting = self._ray.wait(references, num_returns=1, timeout=TICK)
            if ready and waiting:
                more, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
                ready = {*ready, *more}
            # In the order they were handed out, so that a worker's death counts against the right task.
            for reference in references:
                if reference in ready and reference in self._tasks:
                    yield from self._collect(reference, source)

    def _staff(self) -> None:
        """Start missing workers: at the beginning, after a death, or when the cluster has grown."""
        now = time.monotonic()
        if now < self._last_check + TICK:
            return
        self._last_check = now
        wanted = self.options.workers or max(1, self._room())
        while len(self._workers) < wanted:
            self._started += 1
            self._workers[self._started] = worker = self._start(self._started)
            self._tasks[worker.handle.ready.remote()] = (worker, None)
        if any(worker.pid for worker in self._workers.values()):
            self._last_alive = now
        elif now > self._last_alive + PATIENCE:
            resources = {n: c for n, c in self._ray.cluster_resources().items() if n in ("CPU", "GPU")}
            text = (
                f"no Ray worker so far: each needs 1 CPU and {self.options.gpus:g} GPUs, and the cluster "
                f"has {resources}"
            )
            self._warn(text)
            if now > self._last_alive + 10 * PATIENCE:
                raise GistevalError(f"{text}: choose another --gpus-per-worker or cluster")

    def _room(self) -> int:
        """The number of workers that the whole cluster has room for."""
        resources, gpus = self._ray.cluster_resources(), self.options.gpus
        room = int(resources.get("CPU", 0))
        return min(room, int(resources.get("GPU", 0) / gpus)) if gpus else room

    def _start(self, number: int) -> _Worker:
        options = {"num_cpus": 1, "num_gpus": self.options.gpus, "max_restarts": 0, "max_task_retries": 0}
        actor = self._ray.remote(**options)(Actor)
        return _Worker(number, actor.remote(self._make))

    def _hand_out(self, worker: _Worker, source: TaskSource[Event]) -> None:
        while worker.pid and len(worker.running) < AHEAD:
            task = source.next(worker.number, idle=not worker.running)
            if task is None:
                return
            reference = worker.handle.do.remote(task)
            worker.running.append(reference)
            self._tasks[reference] = (worker, task)

    def _collect(self, reference: Any, source: TaskSource[Event]) -> Iterator[Event]:
        worker, task = self._tasks[reference]
        try:
            reply = self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            yield from self._bury(worker, source, error)
            return
        except self._ray.exceptions.RayError as error:
            cause = getattr(error, "cause", None) or error
            reason = f"{type(cause).__name__}: {one_line(cause)}"
            self._finish(worker, reference)
            crash = RuntimeError(f"in a Ray worker{' that was set up' if task is None else ''}: {reason}")
            crash.__cause__ = error  # with the worker's own traceback
            if task is None:
                raise crash from error
            yield from source.failed(task, reason, crash=crash)
            return
        self._finish(worker, reference)
        if task is None:
            if isinstance(reply, GistevalError):
                raise reply
            worker.pid, self._failed_starts = reply, 0
            self.most = max(self.most, sum(worker.pid is not None for worker in self._workers.values()))
            return
        assert isinstance(reply, Reply)
        for text in reply.warnings:
            self._warn(text)
        if reply.refusal is not None:
            yield from source.failed(task, one_line(reply.refusal), reply.refusal)
        else:
            yield from source.done(task, reply.value)

    def _finish(self, worker: _Worker, reference: Any) -> None:
        del self._tasks[reference]
        if reference in worker.running:
            worker.running.remove(reference)

    def _bury(self, worker: _Worker, source: TaskSource[Event], error: Exception) -> Iterator[Event]:
        """Handle the death of a worker. Its current task has failed, and its next task is handed back."""
        del self._workers[worker.number]
        self.lost += 1
        tasks = [self._tasks.pop(reference)[1] for reference in worker.running]
        source.lost(worker.number)
        if worker.pid is None:
            self._tasks = {ref: pair for ref, pair in self._tasks.items() if pair[0] is not worker}
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS:
                raise GistevalError(
                    f"{FAILED_STARTS} Ray workers in a row died while they started ({one_line(error)}): is "
                    "gisteval installed on every node?"
                ) from error
        self._warn(f"Ray worker {worker.number} died: other workers take over its tasks")
        self._last_check = 0.0
        for number, task in enumerate(tasks):
            if number:
                source.returned(task)
            else:
                yield from source.failed(task, "its worker died")

    def _warn(self, text: str) -> None:
        """Log a warning once, even if several workers send it."""
        if text not in self._warned:
            self._warned.add(text)
            log.warning("%s", text)
