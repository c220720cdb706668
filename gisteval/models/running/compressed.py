"""What a compressor hands to a model: a small closed union, each with its accounting."""

from __future__ import annotations

from dataclasses import dataclass, field

from torch import Tensor

Layers = tuple[tuple[Tensor, Tensor], ...]
"""One (keys, values) a layer, each (key-value heads, slots, head size)."""


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
    """

    layers: Layers
    next_position: int
    accounting: Accounting

    @property
    def slots(self) -> int:
        """Slots a layer."""
        return self.layers[0][0].shape[1]


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


CompressedPrompt = Prefix | EncoderState | Tokens | Nothing
