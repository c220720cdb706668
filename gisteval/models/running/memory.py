"""Work on many rows at a time that goes on with fewer where memory runs out."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch

from gisteval.errors import GistevalError

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


class Halving:
    """Keeps in mind how many rows fit, so that only the first batch that does not is run in vain."""

    def __init__(self) -> None:
        self._most: int | None = None

    def run(
        self, work: Callable[[list[Item]], list[Result]], items: Sequence[Item]
    ) -> Iterator[list[Result]]:
        """Results of all items in order, in parts as they are there.

        Raises GistevalError if a single row does not fit.
        """
        done = 0
        while done < len(items):
            part = list(items[done : done + (self._most or len(items))])
            found = _unless_out_of_memory(work, part)
            if found is not None:
                yield found
                done += len(part)
            elif len(part) == 1:
                raise GistevalError(
                    "out of memory, even with one row at a time: what was written is kept; try --dtype "
                    "bfloat16, another --device or a smaller --max-new-tokens"
                )
            else:
                self._most = len(part) // 2
                log.warning("out of memory with %d rows: going on with %d", len(part), self._most)


def _unless_out_of_memory(
    work: Callable[[list[Item]], list[Result]], part: list[Item]
) -> list[Result] | None:
    """None if memory ran out. A function of its own, so that the error's frames, and tensors, are gone."""
    try:
        return work(part)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return None


def is_out_of_memory(error: Exception) -> bool:
    """Whether a device, or this machine, had no memory left."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    from accelerate.utils.memory import should_reduce_batch_size

    return bool(should_reduce_batch_size(error))  # the CPU's allocator raises a plain RuntimeError
