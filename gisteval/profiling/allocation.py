"""The most bytes that tensors take at one time, counted as they are made and dropped.

It works on any device, and on the meta device too, where tensors have sizes and no numbers: so a pass can
be weighed before there are weights.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class Allocation(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Inside, the bytes of the tensors that are made there count; those that were there before do not.

    Tensors that share their memory count once. What a kernel takes for itself while it runs is not seen.

    Attributes:
        now: Bytes that are in use.
        peak: The most bytes that were in use at one time.
    """

    def __init__(self) -> None:
        """Begin with nothing."""
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = 0
        self.peak = 0
        self._known: set[int] = set()

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run one operator and count what is new among its results."""
        given = {id(storage) for storage in _storages((args, kwargs))}
        result = function(*args, **(kwargs or {}))
        for storage in _storages(result):
            if id(storage) not in given | self._known:
                self._add(storage)
        return result

    def _add(self, storage: Any) -> None:
        name, size = id(storage), storage.nbytes()
        self._known.add(name)
        weakref.finalize(storage, self._forget, name, size)
        self.now += size
        self.peak = max(self.peak, self.now)

    def _forget(self, name: int, size: int) -> None:
        self._known.discard(name)
        self.now -= size


def _storages(values: Any) -> Iterator[Any]:
    return (value.untyped_storage() for value in tree_leaves(values) if isinstance(value, Tensor))
