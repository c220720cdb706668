"""States stored as whole numbers of 4 or 8 bits, over any compressor that keeps states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from gisteval.compressors.eviction.allocation import Allocation
from gisteval.compressors.eviction.base import setting_at_least
from gisteval.compressors.proof import Stored
from gisteval.compressors.wrapper import Wrapper
from gisteval.errors import GistevalError
from gisteval.models.running.architecture import ArchitectureName
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt, PackedPrefix, Prefix
from gisteval.models.running.packed import PackedTensor
from gisteval.records.budget import Budget

KEYS_ALONG, VALUES_ALONG = 1, 2
"""Dimensions of (kv heads, slots, head size) that groups run along: over slots, and over channels."""


@dataclass(frozen=True)
class Quantised(Wrapper):
    """Stores keys by channel and values by token, each group with a scale and a minimum in float16.

    A model works with the numbers that are read back, so it computes as it always does, and what is
    resident while a prompt is in use is as large as before. Only what is stored is smaller.

    Attributes:
        group: numbers that share a scale and a minimum.
    """

    source = "after KIVI, Liu et al. 2024, arXiv 2402.02750"
    architectures: ClassVar[frozenset[ArchitectureName]] = frozenset(("decoder-only",))
    bits: ClassVar[int]

    group: int = 32

    def __post_init__(self) -> None:
        """Check the setting and the inner compressor."""
        super().__post_init__()
        setting_at_least(self, "group", 1)

    def refusal(self) -> str | None:
        """What keeps no states has none to store, and heads of different lengths form no groups."""
        if not self.inner.keeps_states:
            return f"{self.inner.name} keeps no states that could be stored in fewer bits"
        if isinstance(self.inner, Allocation):
            return (
                "its layers and heads differ in length, and are stored in fewer bits only where they don't"
            )
        return "they are stored in few bits already" if isinstance(self.inner, Quantised) else None

    def compress(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[CompressedPrompt]:
        """Compress as the inner compressor does, and store its states in fewer bits."""
        return [self._packed(prefix) for prefix in self._states(model, instructions, budget)]

    def proof(
        self,
        model: PromptModel,
        instructions: Sequence[str],
        budget: Budget | None,
        compressed: Sequence[CompressedPrompt],
    ) -> Stored:
        """The inner compressor's own proof, and states rounded by NumPy, without packing."""
        states = self._states(model, instructions, budget)
        return Stored(self.inner, [self._rounded(prefix) for prefix in states])

    def _states(
        self, model: PromptModel, instructions: Sequence[str], budget: Budget | None
    ) -> list[Prefix]:
        prompts = self.inner.compress(model, instructions, budget)
        states = [prompt for prompt in prompts if isinstance(prompt, Prefix)]
        if len(states) < len(prompts):
            raise GistevalError(f"compressor {self.name}: {self.inner.name} keeps no states to be stored")
        return states

    def _packed(self, prefix: Prefix) -> PackedPrefix:
        layers = tuple(
            (
                PackedTensor.pack(keys, self.bits, KEYS_ALONG, self.group),
                PackedTensor.pack(values, self.bits, VALUES_ALONG, self.group),
            )
            for keys, values in prefix.layers
        )
        size = sum(states.nbytes for pair in layers for states in pair)
        accounting = replace(prefix.accounting, bytes=size)
        return PackedPrefix(layers, prefix.next_position, accounting, prefix.kept)

    def _rounded(self, prefix: Prefix) -> Prefix:
        layers = tuple(
            (
                rounded(keys, self.bits, KEYS_ALONG, self.group),
                rounded(values, self.bits, VALUES_ALONG, self.group),
            )
            for keys, values in prefix.layers
        )
        return replace(prefix, layers=layers)


@dataclass(frozen=True)
class Int4(Quantised):
    """Stores the states in 4 bits, two numbers in a byte."""

    name = "int4"
    bits = 4


@dataclass(frozen=True)
class Int8(Quantised):
    """Stores the states in 8 bits, a number in a byte."""

    name = "int8"
    bits = 8


def rounded(states: Tensor, bits: int, dim: int, group: int) -> Tensor:
    """States rounded group by group with NumPy, a second path that shares no code with the stored form."""
    numbers = states.detach().float().cpu().numpy()
    levels = np.float32(2**bits - 1)
    found = np.empty_like(numbers)
    for start in range(0, numbers.shape[dim], group):
        place = (*[slice(None)] * dim, slice(start, start + group))
        part = numbers[place]
        least = part.min(axis=dim, keepdims=True)
        step = ((part.max(axis=dim, keepdims=True) - least) / levels).astype(np.float16).astype(np.float32)
        minimum = least.astype(np.float16).astype(np.float32)
        codes = np.rint(np.divide(part - minimum, step, out=np.zeros_like(part), where=step > 0))
        found[place] = minimum + codes.clip(0, levels) * step
    return torch.from_numpy(found).to(states)
