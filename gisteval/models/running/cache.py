"""A key-value cache for stock transformers models that grows in place, rewinds and drops rows.

`DynamicCache` copies the whole cache at every decoded token (`torch.cat`); this one writes into a
buffer with room to spare. Rewinding lets one prefill serve both the loss and the decoding; dropping
rows lets finished ones leave the batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin

from gisteval.errors import GistevalError

ROOM = 32
"""Spare slots reserved whenever a buffer is too small."""


class GrowingLayer(CacheLayerMixin):  # type: ignore[misc]
    """Keys and values of one layer, (batch, key-value heads, slots, head size)."""

    is_sliding = False

    def __init__(self) -> None:
        super().__init__()
        self.length = 0
        self._keys: Tensor | None = None
        self._values: Tensor | None = None

    @classmethod
    def from_rows(cls, rows: Sequence[tuple[Tensor, Tensor]], room: int = ROOM) -> Self:
        """Each row's own keys and values, (heads, slots, size); shorter rows are padded on the left.

        The padding is zeros, which the mask must hide. room: slots reserved behind them.
        """
        layer = cls()
        layer._keys, layer._values = (_padded(states, room) for states in zip(*rows, strict=True))
        layer.length = layer._keys.shape[2] - room
        layer.is_initialized = True
        return layer

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Allocate buffers shaped like the first states."""
        self._keys = _with_room(key_states, 0, key_states.shape[2] + ROOM)
        self._values = _with_room(value_states, 0, value_states.shape[2] + ROOM)
        self.is_initialized = True

    def update(
        self, key_states: Tensor, value_states: Tensor, *args: Any, **kwargs: Any
    ) -> tuple[Tensor, Tensor]:
        """Append states and return views of all slots so far."""
        if self._keys is None or self._values is None:
            self.lazy_initialization(key_states, value_states)
        assert self._keys is not None and self._values is not None
        end = self.length + key_states.shape[2]
        if end > self._keys.shape[2]:
            self._keys = _with_room(self._keys, self.length, end + ROOM)
            self._values = _with_room(self._values, self.length, end + ROOM)
        self._keys[:, :, self.length : end] = key_states
        self._values[:, :, self.length : end] = value_states
        self.length = end
        self.keys, self.values = self._keys[:, :, :end], self._values[:, :, :end]
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Key length and offset; unused here, since every mask is made by hand."""
        return self.length + query_length, 0

    def get_seq_length(self) -> int:
        """Slots written so far."""
        return self.length

    def get_max_length(self) -> int:
        """No maximum."""
        return -1

    def rewind(self, length: int) -> None:
        """Forget every slot from `length` on; the next update overwrites them."""
        self.length = length

    def release(self) -> None:
        """Drop the states, once nothing attends to them any more; the length stays what it was."""
        self._keys = self._values = None
        self.keys = self.values = torch.empty(0)

    def keep_rows(self, rows: Tensor) -> None:
        """Drop all batch rows but these."""
        if self._keys is None or self._values is None:
            return
        rows = rows.to(self._keys.device)  # layers may lie on different devices
        self._keys, self._values = self._keys[rows], self._values[rows]


def _with_room(states: Tensor, used: int, capacity: int) -> Tensor:
    batch, heads, _, size = states.shape
    buffer = states.new_empty(batch, heads, capacity, size)
    buffer[:, :, :used] = states[:, :, :used]
    return buffer


def _padded(states: Sequence[Tensor], room: int) -> Tensor:
    """(heads, slots, size) each -> (rows, heads, longest + room, size), filled up to `longest`."""
    heads, _, size = states[0].shape
    lengths = [state.shape[1] for state in states]
    longest = max(lengths)
    buffer = states[0].new_zeros(len(states), heads, longest + room, size)
    if min(lengths) == longest:
        buffer[:, :, :longest] = torch.stack(tuple(states))
    else:
        for row, length, state in zip(buffer, lengths, states, strict=True):
            row[:, longest - length : longest] = state
    return buffer


class GrowingCache(Cache):  # type: ignore[misc]
    """One `GrowingLayer` a model layer."""

    def __init__(self, num_layers: int) -> None:
        super().__init__(layers=[GrowingLayer() for _ in range(num_layers)])

    @classmethod
    def from_rows(cls, rows: Sequence[Sequence[tuple[Tensor, Tensor]]], room: int = ROOM) -> Self:
        """A cache that starts with each row's (keys, values), a pair a layer; see `GrowingLayer`."""
        cache = cls(0)
        cache.layers = [GrowingLayer.from_rows(states, room) for states in zip(*rows, strict=True)]
        return cache

    @property
    def length(self) -> int:
        """Slots written so far, padding included."""
        return int(self.layers[0].length)

    def filled(self) -> list[GrowingLayer]:
        """The layers that hold states of their own; those behind them read them as well, as Gemma 4's do.

        Raises GistevalError if a layer without states stands between others.
        """
        count = sum(layer.is_initialized for layer in self.layers)
        if not all(layer.is_initialized for layer in self.layers[:count]):
            raise GistevalError("layers without keys and values stand between others that write some")
        return list(self.layers[:count])

    def rewind(self, length: int) -> None:
        """Forget every slot from `length` on, in all layers."""
        for layer in self.layers:
            layer.rewind(length)

    def keep_rows(self, rows: Tensor) -> None:
        """Drop all batch rows but these (a 1D index tensor), in all layers."""
        for layer in self.layers:
            layer.keep_rows(rows)
