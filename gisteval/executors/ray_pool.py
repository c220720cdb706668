"""Workers on a Ray cluster: started, fed, replaced when they die, and never more than a task ahead."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from gisteval.errors import GistevalError, MissingExtra, one_line
from gisteval.executors.ray_actor import Actor, Reply

log = logging.getLogger(__name__)

LOCAL = "local"
"""Ray's word for a cluster of this machine's own."""

AHEAD = 2
"""Tasks that a worker holds at most: the one it is at, and the next."""

TICK = 1.0
"""Seconds after which the cluster is looked at again."""

PATIENCE = 60.0
"""Seconds without any worker, after which that is said; ten times as long is too long."""

FAILED_STARTS = 3
"""Workers in a row that die before they are set up; then no more are started."""

Event = TypeVar("Event", covariant=True)


class Source(Protocol[Event]):
    """Where tasks come from, and where their results go."""

    @property
    def finished(self) -> bool:
        """True once nothing is left to hand out or to wait for."""

    def next(self, worker: int, idle: bool) -> Any:
        """A task, or None; idle: the worker has no other."""

    def done(self, task: Any, value: Any) -> Iterator[Event]:
        """A task's result."""

    def failed(
        self,
        task: Any,
        reason: str,
        refusal: GistevalError | None = None,
        crash: Exception | None = None,
    ) -> Iterator[Event]:
        """A task ended in an expected error (refusal), an unexpected one (crash), or with its worker."""

    def returned(self, task: Any) -> None:
        """A task was not begun."""

    def lost(self, worker: int) -> None:
        """A worker is gone."""


@dataclass(frozen=True, slots=True)
class RayOptions:
    """address: None for RAY_ADDRESS, or else a cluster of this machine's own, for this command.

    workers: None for as many as the cluster has room for, which may grow; gpus: of one worker.
    """

    address: str | None = None
    workers: int | None = None
    gpus: float = 0.0


@dataclass(slots=True)
class _Worker:
    number: int
    handle: Any
    pid: int | None = None
    running: deque[Any] = field(default_factory=deque)


class RayPool(Generic[Event]):
    """Workers of one kind. make: gives, in a worker's process, what tasks are handed to."""

    def __init__(self, options: RayOptions, make: Callable[[], Callable[[Any], Any]]) -> None:
        """Raises MissingExtra if ray is not installed."""
        self.options = options
        self.most = self.lost = 0
        self._ray = import_ray(options)
        self._make = make
        self._workers: dict[int, _Worker] = {}
        self._tasks: dict[Any, tuple[_Worker, Any]] = {}
        self._started = self._failed_starts = 0
        self._warned: set[str] = set()
        self._looked = self._alive = 0.0

    def run(self, source: Source[Event]) -> Generator[Event, None, None]:
        """Work until the source is finished; then, or if it is stopped, all workers are let go."""
        with cluster(self._ray, self.options):
            try:
                yield from self._loop(source)
            finally:
                for worker in self._workers.values():
                    self._ray.kill(worker.handle)
                self._workers.clear()
                self._tasks.clear()

    def _loop(self, source: Source[Event]) -> Iterator[Event]:
        self._alive = time.monotonic()
        while not source.finished:
            self._staff()
            for worker in self._workers.values():
                self._feed(worker, source)
            references = list(self._tasks)
            if not references:
                continue  # the source had nothing left
            ready, waiting = self._ray.wait(references, num_returns=1, timeout=TICK)
            if ready and waiting:
                more, _ = self._ray.wait(waiting, num_returns=len(waiting), timeout=0)
                ready = {*ready, *more}
            # In the order of handing out, so that a death is blamed on the task that was not answered.
            for reference in references:
                if reference in ready and reference in self._tasks:
                    yield from self._collect(reference, source)

    def _staff(self) -> None:
        """Start the workers that are missing: at first, after a death, when the cluster has grown."""
        now = time.monotonic()
        if now < self._looked + TICK:
            return
        self._looked = now
        wanted = self.options.workers or max(1, self._room())
        while len(self._workers) < wanted:
            self._started += 1
            self._workers[self._started] = worker = self._start(self._started)
            self._tasks[worker.handle.ready.remote()] = (worker, None)
        if any(worker.pid for worker in self._workers.values()):
            self._alive = now
        elif now > self._alive + PATIENCE:
            has = {n: c for n, c in self._ray.cluster_resources().items() if n in ("CPU", "GPU")}
            text = f"no Ray worker so far: each needs 1 CPU and {self.options.gpus:g} GPUs, there are {has}"
            self._warn(text)
            if now > self._alive + 10 * PATIENCE:
                raise GistevalError(f"{text}: choose another --gpus-per-worker or cluster")

    def _room(self) -> int:
        """Workers that the whole cluster could hold."""
        has, gpus = self._ray.cluster_resources(), self.options.gpus
        room = int(has.get("CPU", 0))
        return min(room, int(has.get("GPU", 0) / gpus)) if gpus else room

    def _start(self, number: int) -> _Worker:
        options = {"num_cpus": 1, "num_gpus": self.options.gpus, "max_restarts": 0, "max_task_retries": 0}
        actor = self._ray.remote(**options)(Actor)
        return _Worker(number, actor.remote(self._make))

    def _feed(self, worker: _Worker, source: Source[Event]) -> None:
        while worker.pid and len(worker.running) < AHEAD:
            task = source.next(worker.number, idle=not worker.running)
            if task is None:
                return
            reference = worker.handle.do.remote(task)
            worker.running.append(reference)
            self._tasks[reference] = (worker, task)

    def _collect(self, reference: Any, source: Source[Event]) -> Iterator[Event]:
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

    def _bury(self, worker: _Worker, source: Source[Event], error: Exception) -> Iterator[Event]:
        """A dead worker's first task is to blame, if any; those it had not begun are not."""
        del self._workers[worker.number]
        self.lost += 1
        tasks = [self._tasks.pop(reference)[1] for reference in worker.running]
        source.lost(worker.number)
        if worker.pid is None:
            self._tasks = {ref: held for ref, held in self._tasks.items() if held[0] is not worker}
            self._failed_starts += 1
            if self._failed_starts >= FAILED_STARTS:
                raise GistevalError(
                    f"{FAILED_STARTS} Ray workers in a row died while they started ({one_line(error)}): is "
                    "gisteval installed on every node?"
                ) from error
        self._warn(f"Ray worker {worker.number} died; its work goes to others")
        self._looked = 0.0
        for number, task in enumerate(tasks):
            if number:
                source.returned(task)
            else:
                yield from source.failed(task, "its worker died")

    def _warn(self, text: str) -> None:
        """Once, whichever worker it comes from."""
        if text not in self._warned:
            self._warned.add(text)
            log.warning("%s", text)


def _address(options: RayOptions) -> str:
    return options.address or os.environ.get("RAY_ADDRESS") or LOCAL


@contextmanager
def cluster(ray: Any, options: RayOptions) -> Iterator[None]:
    """A connection to a cluster, or one that a caller from Python has already. Raises GistevalError."""
    if ray.is_initialized():
        yield
        return
    address = _address(options)
    local = {"num_cpus": max(options.workers or 0, os.cpu_count() or 1)} if address == LOCAL else {}
    try:
        ray.init(
            address=address,
            include_dashboard=False if local else None,
            log_to_driver=False,
            logging_level=logging.ERROR,
            **local,
        )
    except (OSError, ValueError, RuntimeError) as error:
        raise GistevalError(
            f"no Ray cluster at {address} ({one_line(error)}): start one with 'ray start --head', or leave "
            "--ray-address out"
        ) from error
    try:
        yield
    finally:
        ray.shutdown()


def ask_for_token(options: RayOptions) -> None:
    """Let a cluster of this machine's own ask for a token that only this process and its workers have.

    Such a cluster listens on all networks of the machine. What the user has set in Ray's own variables
    stays; a cluster that is there already has its own rules.
    """
    if _address(options) != LOCAL or "RAY_AUTH_MODE" in os.environ:
        return
    os.environ["RAY_AUTH_MODE"] = "token"
    if "RAY_AUTH_TOKEN_PATH" not in os.environ:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))


def import_ray(options: RayOptions) -> Any:
    """The package ray, quiet. Raises MissingExtra if it is not installed."""
    if "ray" not in sys.modules:  # afterwards Ray would not hear of it
        ask_for_token(options)
    # Read when Ray is imported: no reports to its makers, and no advice on GPUs that nobody asked for.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("ray", "ray") from error
    return ray
