"""A plain queue of work for a pool: items in batches, answers item by item."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from gisteval.errors import GistevalError

Item = TypeVar("Item")

TRIES = 3
"""Times that a whole piece of work, and in the end a single item, is tried."""


@dataclass(frozen=True, slots=True)
class _Batch(Generic[Item]):
    items: list[Item]
    tries: int = 0


class Queue(Generic[Item]):
    """Items are drawn as workers ask for them. request: what a worker is sent of an item."""

    def __init__(
        self,
        items: Iterator[Item],
        size: int,
        request: Callable[[Item], Any],
        settle: Callable[[Item, Any], None],
        fail: Callable[[Item, str], None],
    ) -> None:
        self._items, self._size = items, size
        self._request, self._settle, self._fail = request, settle, fail
        self._again: list[_Batch[Item]] = []
        self._out: dict[int, _Batch[Item]] = {}
        self._numbers = 0
        self._empty = self._answered = False

    @property
    def finished(self) -> bool:
        """True once all items are settled or have failed."""
        return self._empty and not self._again and not self._out

    def next(self, worker: int, idle: bool = True) -> tuple[int, list[Any]] | None:
        """The number of a batch, and its requests."""
        if self._again:
            batch = self._again.pop()
        else:
            batch = _Batch(list(islice(self._items, self._size)))
            if not batch.items:
                self._empty = True
                return None
        self._numbers += 1
        self._out[self._numbers] = batch
        return self._numbers, [self._request(item) for item in batch.items]

    def done(self, task: tuple[int, list[Any]], value: list[Any]) -> Iterator[None]:
        """Answers to a batch, in order."""
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
        """A batch is tried again, then its items one by one.

        Raises an expected error (refusal), and an unexpected one (crash) if no item at all was answered.
        """
        if refusal is not None:
            raise refusal
        batch = self._out.pop(task[0])
        if batch.tries + 1 < TRIES:
            self._again.append(_Batch(batch.items, batch.tries + 1))
        elif len(batch.items) > 1:
            self._again += [_Batch([item]) for item in batch.items]
        elif crash is not None and not self._answered:
            raise crash
        else:
            self._fail(batch.items[0], reason)
        yield from ()

    def returned(self, task: tuple[int, list[Any]]) -> None:
        """A batch was not begun."""
        self._again.append(self._out.pop(task[0]))

    def lost(self, worker: int) -> None:
        """Workers are all the same."""


class Answers:
    """What a worker does with a queue's tasks. make: gives what answers a list of requests."""

    def __init__(self, make: Callable[[], Callable[[list[Any]], list[Any]]]) -> None:
        self._work = make()

    def __call__(self, task: tuple[int, list[Any]]) -> list[Any]:
        """Answers to a batch, in order."""
        return self._work(task[1])
