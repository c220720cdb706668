"""A pool's decisions, on a toy in place of Ray in which workers die when a task says so."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from gisteval.errors import GistevalError
from gisteval.executors import queue, ray_pool
from gisteval.executors.queue import Answers, Queue
from gisteval.executors.ray_cluster import RayOptions
from gisteval.executors.ray_pool import FAILED_STARTS, RayPool


class Death(BaseException):
    """Ends a worker, as a kill would."""


class RayError(Exception):
    pass


class RayActorError(RayError):
    pass


class ToyRay:
    """Runs a call when its reply is asked for, in the order of the calls."""

    exceptions = SimpleNamespace(RayError=RayError, RayActorError=RayActorError)

    def __init__(self, resources: dict[str, float]) -> None:
        self.resources, self.alive, self.started = resources, set[int](), 0
        self.calls: dict[int, tuple[int, Callable[[], Any]]] = {}
        self.numbers = count()

    def is_initialized(self) -> bool:
        return True

    def cluster_resources(self) -> dict[str, float]:
        return self.resources

    def remote(self, **options: float) -> Callable[[type], Any]:
        return lambda actor: SimpleNamespace(remote=partial(self.start, actor))

    def start(self, actor: type, make: Callable[[], Any]) -> Any:
        self.started += 1
        number = self.started
        self.alive.add(number)
        made: list[Any] = []

        def call(name: str, *arguments: Any) -> int:
            reference = next(self.numbers)
            self.calls[reference] = number, lambda: getattr(made[0], name)(*arguments)
            return reference

        try:
            made.append(actor(make))
            if isinstance(made[0]._error, Death):
                raise made[0]._error
        except Death:
            self.alive.discard(number)
        handles = {name: SimpleNamespace(remote=partial(call, name)) for name in ("ready", "do")}
        return SimpleNamespace(number=number, **handles)

    def kill(self, handle: Any) -> None:
        self.alive.discard(handle.number)

    def wait(self, references: list[int], num_returns: int, timeout: float) -> tuple[list[int], list[int]]:
        return references[:num_returns], references[num_returns:]

    def get(self, reference: int) -> Any:
        number, call = self.calls.pop(reference)
        if number not in self.alive:
            raise RayActorError("the worker died")
        try:
            return call()
        except Death as error:
            self.alive.discard(number)
            raise RayActorError("the worker died") from error
        except Exception as error:
            failed = RayError(str(error))
            failed.cause = error  # type: ignore[attr-defined]
            raise failed from error


@pytest.fixture
def toy(monkeypatch) -> Iterator[Callable[..., ToyRay]]:
    """Puts a toy with these resources in Ray's place: toy(CPU=4)."""
    for name in ("TRANSFORMERS_VERBOSITY", "HF_HUB_DISABLE_PROGRESS_BARS"):
        monkeypatch.setenv(name, "")  # workers set them
    logger = logging.getLogger("gisteval")
    handlers = list(logger.handlers)

    def make(**resources: float) -> ToyRay:
        ray = ToyRay(resources)
        monkeypatch.setattr(ray_pool, "import_ray", lambda options: ray)
        return ray

    yield make
    logger.handlers[:] = handlers


def double(items: list[int]) -> list[int]:
    if 13 in items:
        raise ValueError("thirteen is unlucky")
    if 17 in items:
        raise Death
    return [2 * item for item in items]


def work(number: int) -> tuple[Queue[int], dict[int, int], dict[int, str]]:
    answers: dict[int, int] = {}
    failed: dict[int, str] = {}
    found = Queue(iter(range(number)), 5, lambda n: n, answers.__setitem__, failed.__setitem__)
    return found, answers, failed


def test_a_death_costs_no_item_but_its_own(toy, monkeypatch) -> None:
    ray = toy(CPU=4)
    monkeypatch.setattr(queue, "TRIES", 1)
    source, answers, failed = work(30)
    pool = RayPool(RayOptions(workers=2), partial(Answers, lambda: double))
    assert list(pool.run(source)) == []
    assert failed == {13: "ValueError: thirteen is unlucky", 17: "its worker died"}
    assert answers == {n: 2 * n for n in range(30) if n not in failed}
    assert (pool.lost, pool.most, ray.started, ray.alive) == (2, 2, 4, set())


@pytest.mark.parametrize(
    ("resources", "gpus", "workers"),
    [({"CPU": 3}, 0.0, 3), ({"CPU": 8, "GPU": 2}, 0.5, 4), ({"CPU": 2, "GPU": 2}, 0.25, 2), ({}, 1.0, 1)],
)
def test_the_cluster_is_filled_and_one_worker_is_always_tried(toy, resources, gpus, workers) -> None:
    ray = toy(**resources)
    source, answers, _ = work(12)
    list(RayPool(RayOptions(gpus=gpus), partial(Answers, lambda: double)).run(source))
    assert (ray.started, len(answers)) == (workers, 12)


def test_workers_that_die_while_they_start_end_the_run(toy) -> None:
    def dies() -> Any:
        raise Death

    ray = toy(CPU=1)
    with pytest.raises(
        GistevalError, match=f"{FAILED_STARTS} Ray workers in a row died while they started"
    ):
        list(RayPool(RayOptions(workers=1), dies).run(work(3)[0]))
    assert ray.started == FAILED_STARTS and not ray.alive


def test_a_refusal_of_the_setup_is_raised_and_a_warning_is_said_once(toy, caplog) -> None:
    def refuses() -> Any:
        raise GistevalError("no such model")

    def warns() -> Any:
        def answer(items: list[int]) -> list[int]:
            logging.getLogger("gisteval.model").warning("slow")
            return items

        return answer

    toy(CPU=2)
    with pytest.raises(GistevalError, match="no such model"):
        list(RayPool(RayOptions(workers=2), refuses).run(work(3)[0]))
    list(RayPool(RayOptions(workers=2), partial(Answers, warns)).run(work(20)[0]))
    said = [record for record in caplog.records if record.name == "gisteval.executors.ray_pool"]
    assert [record.getMessage() for record in said] == ["slow"]
