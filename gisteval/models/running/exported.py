"""A decoder's prefix for engines that count positions from the number of slots in their cache.

A prefix keeps its slots' original positions, with gaps where something was left out, and its input goes on
at `next_position`. A stock engine puts an input behind n slots at position n. So every slot is moved by the
same number of positions, next_position - n, and all distances stay what they were.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import DynamicCache

from gisteval.errors import GistevalError
from gisteval.models.running.compressed import CompressedPrompt, Layers, PackedPrefix, Prefix
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.layer_masks import decoder_layers
from gisteval.models.running.rotation import Rotation, rotary_of
from gisteval.models.running.windows import growing_rotation, text_config

NO_PREFIX = {
    "EncoderState": "the states of an encoder are no key-value cache of a decoder",
    "Tokens": "it keeps a shorter text, which any engine takes as it is: gisteval compress prints it",
    "Nothing": "nothing of the prompt is kept",
}


@dataclass(frozen=True, slots=True)
class Exported:
    """A prefix whose input starts at position `slots`. moved: by how many positions each slot was."""

    layers: Layers
    slots: int
    moved: int

    def cache(self) -> DynamicCache:
        """As a cache of stock transformers, of one row."""
        return DynamicCache([(keys[None].clone(), values[None].clone()) for keys, values in self.layers])


def exported(model: DecoderModel, compressed: CompressedPrompt) -> Exported:
    """Move a compressed prompt's slots to where a stock engine looks for them.

    Raises:
        GistevalError: The prompt is no prefix, or the model's positions can't be moved.
    """
    if isinstance(compressed, PackedPrefix):
        compressed = compressed.unpacked()
    if not isinstance(compressed, Prefix):
        raise GistevalError(f"there is no prefix to export: {NO_PREFIX[type(compressed).__name__]}")
    if any(bool((compressed.positions(layer) < 0).any()) for layer in range(len(compressed.layers))):
        raise GistevalError(
            "heads or layers keep different numbers of slots, which a stock cache can't hold: choose a "
            "compressor that gives each head as many"
        )
    moved = compressed.next_position - compressed.slots
    if not moved:
        return Exported(compressed.layers, compressed.slots, 0)
    _check_movable(model)
    layers = tuple(
        (_moved(model, number, keys, moved), values)
        for number, (keys, values) in enumerate(compressed.layers)
    )
    return Exported(layers, compressed.slots, moved)


def _check_movable(model: DecoderModel) -> None:
    kind = model.config.model_type
    if any(model.windows):
        raise GistevalError(
            f"layers of {kind} see a window of positions, and a stock cache does not say "
            "where a kept slot stood"
        )
    if "unknown" in model.rotations or "undone" not in model.rotations:
        raise GistevalError(
            f"the positions of {kind} are no rotations of its keys that can be undone, so that its slots "
            "can't be moved: export the whole prompt (--compressor full)"
        )
    if growing_rotation(text_config(model.model.config)):
        raise GistevalError(f"the rotations of {kind} change with the length, so its slots can't be moved")


def _moved(model: DecoderModel, layer: int, keys: Tensor, distance: int) -> Tensor:
    if model.rotations[layer] == "none":
        return keys
    block = decoder_layers(model.model)[layer]
    apply = getattr(sys.modules[type(block).__module__], "apply_rotary_pos_emb", None)
    rotary = rotary_of(model.body, text_config(model.model.config), layer)
    if apply is None or rotary is None:
        raise GistevalError("this model's rotations at other positions can't be had from it")
    nothing = torch.empty(0)
    return Rotation(apply, nothing, nothing, at=rotary).earlier(keys[None], distance)[0]
