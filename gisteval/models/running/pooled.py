"""Prefixes whose slots are means of a prompt's slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from gisteval.models.running.compressed import Prefix
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.observe import LayerView


def pooled_prefixes(
    model: DecoderModel,
    prompts: Sequence[Sequence[int]],
    windows: Sequence[Sequence[Sequence[int]]],
) -> list[list[Prefix]]:
    """Run prompts once, and average their values, and their keys before they are rotated, by windows.

    Args:
        model: runs the prompts.
        prompts: token ids, a row each.
        windows: for each way to pool them: of each prompt, the lengths of its windows, which follow one
            another.

    Returns:
        For each way the prefixes of all prompts.

    Raises:
        GistevalError: the model rotates keys in a way that isn't undone here.
    """
    rows = [tuple(prompt) for prompt in prompts]
    ways = [dict(zip(rows, map(list, sizes), strict=True)) for sizes in windows]
    layers: list[dict[tuple[int, ...], list[tuple[Tensor, Tensor]]]] = [
        {row: [] for row in rows} for _ in ways
    ]

    def see(view: LayerView) -> None:
        for number, prompt in enumerate(map(tuple, view.prompts)):
            alone = view.alone(number)
            for sizes, found in zip(ways, layers, strict=True):
                found[prompt].append(_pooled(alone, sizes[prompt]))

    model.observe(list(dict.fromkeys(rows)), see)
    return [
        [_prefix(model, prompt, sizes[prompt], found[prompt]) for prompt in rows]
        for sizes, found in zip(ways, layers, strict=True)
    ]


def middles(sizes: Sequence[int]) -> Tensor:
    """Index of each window's middle token, the earlier of two."""
    lengths = torch.tensor(sizes)
    return lengths.cumsum(0) - lengths + (lengths - 1) // 2


def _pooled(view: LayerView, sizes: Sequence[int]) -> tuple[Tensor, Tensor]:
    """One row's mean keys, rotated again, and values, (kv heads, windows, head size)."""
    keys = _means(view.unrotated_keys(), sizes)
    if view.rotation is not None:
        places = middles(sizes).to(keys.device)
        rotation = view.rotation
        keys = replace(rotation, cos=rotation.cos[:, places], sin=rotation.sin[:, places]).rotate(keys)
    return keys[0].to(view.keys.dtype), _means(view.values, sizes)[0].to(view.values.dtype)


def _means(states: Tensor, sizes: Sequence[int]) -> Tensor:
    """(rows, kv heads, tokens, size) -> the same by windows, in float32."""
    return torch.stack([part.mean(2) for part in torch.split(states.float(), list(sizes), dim=2)], dim=2)


def _prefix(
    model: DecoderModel,
    prompt: Sequence[int],
    sizes: Sequence[int],
    layers: Sequence[tuple[Tensor, Tensor]],
) -> Prefix:
    places = middles(sizes).to(model.device)
    kept = tuple(places.expand(keys.shape[0], -1) for keys, _ in layers)
    size = sum(state.nbytes for pair in layers for state in pair)
    accounting = replace(model.account_selected(prompt, kept, size), asked=len(sizes))
    return Prefix(tuple(layers), len(prompt), accounting, kept)
