"""The values that compressed prompts keep, layer by layer, and how far they differ between prompts.

Values are looked at, not keys: a key is rotated by its position, so the keys of equal gists differ between
prompts of different lengths.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from gisteval.models.running.compressed import CompressedPrompt, EncoderState, PackedPrefix, Prefix


def state_of(prompt: CompressedPrompt) -> Prefix | EncoderState | None:
    """The states that a compressed prompt stores, None if it stores none."""
    if isinstance(prompt, PackedPrefix):
        return prompt.unpacked()
    return prompt if isinstance(prompt, Prefix | EncoderState) else None


def layer_values(prompts: Sequence[CompressedPrompt]) -> list[Tensor] | None:
    """A layer's values, (prompts, numbers) float64 on the CPU; None unless all keep as many slots."""
    states = [state for state in map(state_of, prompts) if state is not None]
    if len(states) < len(prompts) or len({state.slots for state in states}) != 1 or not states[0].slots:
        return None
    return [
        torch.stack([values.flatten() for _, values in layer]).double().cpu()
        for layer in zip(*(state.layers for state in states), strict=True)
    ]


def effective_rank(centred: Tensor) -> float:
    """The effective rank of centred rows, (rows, width); 0 where all rows are equal.

    It is exp(H), with H the entropy in nats of the normalised squared singular values: O. Roy and
    M. Vetterli, "The effective rank", EUSIPCO 2007.
    """
    energy = torch.linalg.svdvals(centred) ** 2
    total = float(energy.sum())
    if total <= 0.0:
        return 0.0
    shares = energy / total
    shares = shares[shares > 0.0]
    return float(torch.exp(-(shares * shares.log()).sum()))


@dataclass(frozen=True, slots=True)
class StateSummary:
    """What the states of many prompts are like, as means over layers.

    Attributes:
        norm: The root mean square of their values.
        entropy: The logarithm of the effective rank of their differences, in nats.
    """

    norm: float
    entropy: float


def summarised(prompts: Sequence[CompressedPrompt]) -> StateSummary | None:
    """Norm and entropy of the values of some prompts; None unless all keep as many slots.

    The entropy leaves the first layer out, in which all gists are their own embeddings.
    """
    layers = layer_values(prompts)
    if layers is None:
        return None
    sizes = [float((values**2).mean().sqrt()) for values in layers]
    ranks = [effective_rank(values - values.mean(dim=0)) for values in layers[1:] or layers]
    entropies = [math.log(max(rank, 1.0)) for rank in ranks]
    return StateSummary(sum(sizes) / len(sizes), sum(entropies) / len(entropies))
