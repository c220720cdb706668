"""How far a decoder's layers look back, and how long its sequences may be, from its configuration alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import PretrainedConfig


@dataclass(frozen=True, slots=True)
class Window:
    """What a layer sees before a token, by positions.

    sliding: the last `size` tokens, itself included; chunked: those of its own block of `size` tokens.
    """

    kind: Literal["sliding", "chunked"]
    size: int

    def visible(self, queries: Tensor, keys: Tensor) -> Tensor:
        """(B, Q) and (B, K) positions -> (B, Q, K) bool; causality is not looked at.

        Positions 0 to 4, size 2:       sliding          chunked

                                        1 1 1 1 1        1 1 . . .
                                        1 1 1 1 1        1 1 . . .
                                        . 1 1 1 1        . . 1 1 .
                                        . . 1 1 1        . . 1 1 .
                                        . . . 1 1        . . . . 1
        """
        query, key = queries[:, :, None], keys[:, None, :]
        if self.kind == "sliding":
            return query - key < self.size
        return query // self.size == key // self.size


@dataclass(frozen=True, slots=True)
class Context:
    """The longest sequence in tokens. limit: what sets it, for a message; empty for the model's own."""

    tokens: int
    limit: str


def text_config(config: PretrainedConfig) -> PretrainedConfig:
    """The part of a configuration that describes the text decoder."""
    return config.get_text_config(decoder=True)


def layer_windows(config: PretrainedConfig) -> tuple[Window | None, ...]:
    """A layer's window, or None where it sees everything before a token, in the order of the layers."""
    config = text_config(config)
    count = int(config.num_hidden_layers)
    kinds = getattr(config, "layer_types", None)
    if config.model_type == "gpt_neo":
        local = Window("sliding", int(config.window_size))
        return tuple(local if kind == "local" else None for kind in config.attention_layers)
    if kinds is None:
        sliding = getattr(config, "sliding_window", None)
        if not sliding or getattr(config, "use_sliding_window", True) is False:
            return (None,) * count
        return (Window("sliding", int(sliding)),) * count
    return tuple(_window(config, kind) for kind in kinds[:count])


def _window(config: PretrainedConfig, kind: str) -> Window | None:
    if kind == "sliding_attention":
        size = getattr(config, "sliding_window", None)
        return Window("sliding", int(size)) if size else None
    if kind == "chunked_attention":
        return Window("chunked", int(config.attention_chunk_size))
    return None


def context_of(config: PretrainedConfig) -> Context:
    """The longest sequence that a decoder of this configuration takes here."""
    config = text_config(config)
    longest = getattr(config, "max_position_embeddings", None) or sys.maxsize
    limits = [Context(int(longest), "")]
    if (switch := _factor_switch(config)) is not None:
        limits.append(
            Context(
                switch,
                f" (gisteval's limit: the model takes {longest}, but its longrope goes over to other "
                "factors here, and what was cached under the one can't be read under the other)",
            )
        )
    if config.model_type == "doge":
        limits.append(
            Context(
                int(config.keep_window_size),
                f" (gisteval's limit: the model takes {longest}, but over its keep_window_size it chooses "
                "the tokens that it sees)",
            )
        )
    return min(limits, key=lambda limit: limit.tokens)


def _factor_switch(config: PretrainedConfig) -> int | None:
    """Up to how many tokens a longrope uses its short factors."""
    found = [
        int(rope["original_max_position_embeddings"])
        for rope in _ropes(config)
        if rope.get("rope_type", rope.get("type")) == "longrope"
    ]
    return min(found, default=None)


def growing_rotation(config: PretrainedConfig) -> bool:
    """Whether a rotation depends on the length of the whole sequence."""
    return any(
        rope.get("rope_type", rope.get("type")) in ("dynamic", "longrope") for rope in _ropes(config)
    )


def _ropes(config: PretrainedConfig) -> Iterator[Mapping[str, Any]]:
    """The parameters of a rotation, or of one for each type of layer."""
    rope = getattr(config, "rope_parameters", None) or {}
    if "rope_type" in rope or "type" in rope:
        yield rope
    else:
        yield from (part for part in rope.values() if isinstance(part, Mapping))


def within(mask: Tensor, window: Window | None, queries: Tensor, keys: Tensor) -> Tensor:
    """What a window leaves of a mask, (B, H or 1, Q, K) bool.

    queries: positions, (B, Q); keys: positions, (B, K), or (B, H, K) where they differ from head to head.
    """
    if window is None:
        return mask
    if keys.dim() == 2:
        return mask & window.visible(queries, keys)[:, None]
    return mask & torch.stack([window.visible(queries, of_head) for of_head in keys.unbind(1)], dim=1)


def effective(windows: Sequence[Window | None], length: int) -> tuple[Window | None, ...]:
    """The windows without those that hide nothing of a sequence of so many tokens."""
    return tuple(window if window is not None and window.size < length else None for window in windows)
