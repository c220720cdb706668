"""What a compressor hands to a model: a small closed union, each with its accounting."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from gisteval.models.running.packed import PackedTensor

Layers = tuple[tuple[Tensor, Tensor], ...]
"""One (keys, values) a layer, each (key-value heads, slots, head size)."""

Kept = tuple[Tensor, ...]
"""Positions of a prompt's kept slots, a LongTensor a layer, (key-value heads, slots).

Where heads or layers keep different numbers of slots, -1 stands for a slot that holds nothing.
"""

Selection = Sequence[Kept]
"""What each of some prompts keeps."""


@dataclass(frozen=True, slots=True)
class Accounting:
    """What compression kept of one prompt.

    source_tokens: tokens of the prompt's own text, template included, gist tokens not.
    template_tokens: how many of those the template adds to any instruction.
    kept: prompt slots (or tokens) that a continuation can still see.
    bytes: measured size of what has to be stored to reuse the prompt.
    kept_template: how many of those kept are the template's.
    asked: slots for the instruction that the budget allows, no more than there is to keep; None without
    a budget.
    """

    source_tokens: int
    template_tokens: int
    kept: int
    bytes: int
    kept_template: int = field(default=0, compare=False)
    asked: int | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Prefix:
    """Keys and values of the kept slots of a decoder, rotated as cached.

    next_position: the position id of the first token that follows, its original index.
    kept: original positions of the slots; None where they are the last ones before `next_position`.
    """

    layers: Layers
    next_position: int
    accounting: Accounting
    kept: Kept | None = None

    @property
    def slots(self) -> int:
        """Slots a layer, those that hold nothing included."""
        return self.layers[0][0].shape[1]

    def positions(self, layer: int) -> Tensor:
        """Original positions of a layer's slots, (key-value heads, slots), -1 for what holds nothing."""
        if self.kept is not None:
            return self.kept[layer]
        keys = self.layers[layer][0]
        last = torch.arange(self.next_position - self.slots, self.next_position, device=keys.device)
        return last.expand(keys.shape[0], -1)


@dataclass(frozen=True, slots=True)
class PackedPrefix:
    """A `Prefix` whose keys and values are stored in fewer bits, and read back when they are used."""

    layers: tuple[tuple[PackedTensor, PackedTensor], ...]
    next_position: int
    accounting: Accounting
    kept: Kept | None = None

    @property
    def slots(self) -> int:
        """Slots a layer."""
        return int(self.layers[0][0].shape[1])

    def unpacked(self) -> Prefix:
        """The prefix that a model works with."""
        layers = tuple((keys.unpack(), values.unpack()) for keys, values in self.layers)
        return Prefix(layers, self.next_position, self.accounting, self.kept)


def buffer_ratio(prompts: Sequence[CompressedPrompt]) -> float | None:
    """Slots of the buffers in which prompts are used over those that they keep; None if none stay empty."""
    kept = [layer for prompt in prompts if isinstance(prompt, Prefix) for layer in prompt.kept or ()]
    slots, held = sum(layer.numel() for layer in kept), sum(int((layer >= 0).sum()) for layer in kept)
    return slots / held if slots > held > 0 else None


def join(prefixes: Sequence[Prefix]) -> Prefix:
    """Prefixes that were encoded one behind the other, as one prefix that holds the slots of all."""
    layers = tuple(
        (torch.cat([keys for keys, _ in parts], dim=1), torch.cat([values for _, values in parts], dim=1))
        for parts in zip(*(prefix.layers for prefix in prefixes), strict=True)
    )
    kept = tuple(
        torch.cat([prefix.positions(layer) for prefix in prefixes], dim=1) for layer in range(len(layers))
    )
    accounting = Accounting(
        *(
            sum(getattr(prefix.accounting, name) for prefix in prefixes)
            for name in ("source_tokens", "template_tokens", "kept", "bytes", "kept_template")
        )
    )
    return Prefix(layers, prefixes[-1].next_position, accounting, kept)


@dataclass(frozen=True, slots=True)
class EncoderState:
    """What an encoder keeps of the kept slots.

    layers: keys and values that an input sees in the encoder; hidden: the final states, (slots, width),
    that the decoder sees. Positions are relative, so the slots need none of their own.
    """

    layers: Layers
    hidden: Tensor
    accounting: Accounting

    @property
    def slots(self) -> int:
        """Slots a layer."""
        return self.hidden.shape[0]


@dataclass(frozen=True, slots=True)
class Tokens:
    """A shorter token list, to be run in place of the prompt."""

    token_ids: tuple[int, ...]
    accounting: Accounting


@dataclass(frozen=True, slots=True)
class Nothing:
    """No prompt at all; what follows still starts at its original position."""

    next_position: int
    accounting: Accounting


CompressedPrompt = Prefix | PackedPrefix | EncoderState | Tokens | Nothing
