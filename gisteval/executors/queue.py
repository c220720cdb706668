"""A queue of items for a pool, which hands them out in batches and takes an answer for each item."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from gisteval.errors import GistevalError

Item = TypeVar("Item")

TRIES = 3
"""Number of attempts for a whole batch, and for a single item in the end."""


@dataclass(frozen=True, slots=True)
class _Batch(Generic[Item]):
    items: list[Item]
    tries: int = 0


class Queue(Generic[Item]):
    """A source of tasks whose items are drawn as workers ask for them. A task is a numbered batch."""

    def __init__(
        self,
        items: Iterator[Item],
        size: int,
        request: Callable[[Item], Any],
        settle: Callable[[Item, Any], None],
        fail: Callable[[Item, str], None],
    ) -> None:
        """Prepare a queue.

        Args:
            items: The items.
            size: Items of a batch.
            request: Gives what a worker is sent for an item.
            settle: Takes an item and its answer.
            fail: Takes an item that failed, and the reason.
        """
        self._items, self._size = items, size
        self._request, self._settle, self._fail = request, settle, fail
        self._retries: list[_Batch[Item]] = []
        self._out: dict[int, _Batch[Item]] = {}
        self._numbers = 0
        self._empty = self._answered = False

    @property
    def finished(self) -> bool:
        """True once every item has an answer or has failed."""
        return self._empty and not self._retries and not self._out

    def next(self, worker: int, idle: bool = True) -> tuple[int, list[Any]] | None:
        """Return the number of the next batch and its requests, or None if there is none."""
        if self._retries:
            batch = self._retries.pop()
        else:
            batch = _Batch(list(islice(self._items, self._size)))
            if not batch.items:
                self._empty = True
                return None
        self._numbers += 1
        self._out[self._numbers] = batch
        return self._numbers, [self._request(item) for item in batch.items]

    def done(self, task: tuple[int, list[Any]], value: list[Any]) -> Iterator[None]:
        """Take the answers to a batch, in the order of its requests."""
        for item, answer in zip(self._out.pop(task[0]).items, value, strict=True):
            self._answered = True
            self._settle(item, answer)
        yield from ()

    def failed(
        self,
        task: tuple[int, list[Any]],
        reason: str,
        refusal: GistevalError | None = None,
        crash: Exception | None = None,
    ) -> Iterator[None]:
        """Take a failed batch: it is tried again, and then its items one by one.

        Args:
            task: The batch.
            reason: Why it failed, as text.
            refusal: An expected error, which is raised.
            crash: An unexpected error, which is raised if no item was ever answered.
        """
        if refusal is not None:
            raise refusal
        batch = self._out.pop(task[0])
        if batch.tries + 1 < TRIES:
            self._retries.append(_Batch(batch.items, batch.tries + 1))
        elif len(batch.items) > 1:
            self._retries += [_Batch([item]) for item in batch.items]
        elif crash is not None and not self._answered:
            raise crash
        else:
            self._fail(batch.items[0], reason)
        yield from ()

    def returned(self, task: tuple[int, list[Any]]) -> None:
        """Take back a batch that was not started."""
        self._retries.append(self._out.pop(task[0]))

    def lost(self, worker: int) -> None:
        """Ignore the loss of a worker, since any other can do its work."""


class Answers:
    """The worker's side of a queue: it answers the requests of a task."""

    def __init__(self, make: Callable[[], Callable[[list[Any]], list[Any]]]) -> None:
        """Prepare a worker. `make` gives the function that answers a list of requests."""
        self._answer = make()

    def __call__(self, task: tuple[int, list[Any]]) -> list[Any]:
        """Return the answers to a batch, in order."""
        return self._answer(task[1])
