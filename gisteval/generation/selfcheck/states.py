"""The states of the inputs' tokens between a model's layers, where a fault shows before rounding piles up.

A single layer or head that reads another prompt may change an answer less than bfloat16 does, and still
be wrong. Right behind that layer the change is many times its rounding.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor

from gisteval.errors import GistevalError
from gisteval.generation.selfcheck.distance import row_difference
from gisteval.models.running.base import PromptModel
from gisteval.models.running.compressed import CompressedPrompt, Tokens
from gisteval.models.running.layer_masks import decoder_layers

POSITIONS = 32
"""Of each input, the last so many tokens."""

LEAST = 2.0**-17
"""Smallest difference that counts as rounding, of the mean state: float32 summed in another order."""

LayerStates = list[Tensor]
"""Of one row, a tensor a layer, (tokens, width)."""


@contextmanager
def recorded(model: PromptModel) -> Iterator[LayerStates]:
    """Inside, what each layer of the part that reads the inputs returned last, (rows, columns, width).

    The list is empty for an architecture whose layers are not known.
    """
    states: LayerStates = []
    with ExitStack() as hooks:
        for number, block in enumerate(_blocks(model)):
            hooks.callback(block.register_forward_hook(_keeping(states, number)).remove)
        yield states


def _keeping(states: LayerStates, number: int) -> Any:
    def keep(module: Any, args: tuple[Any, ...], output: Any) -> None:
        state = output[0] if isinstance(output, tuple) else output
        del states[number:]
        states.append(state.detach())

    return keep


def _blocks(model: PromptModel) -> list[torch.nn.Module]:
    if model.model.config.is_encoder_decoder:
        return list(model.model.encoder.block)
    try:
        return decoder_layers(model.model)
    except GistevalError:
        return []


def cached_states(
    model: PromptModel,
    layers: LayerStates,
    compressed: Sequence[CompressedPrompt],
    inputs: Sequence[Sequence[int]],
) -> list[LayerStates]:
    """States of each row's input as `run` read it: padded on the left, or behind a prompt's own tokens."""
    states = []
    for row, (prompt, ids) in enumerate(zip(compressed, inputs, strict=True)):
        if model.model.config.is_encoder_decoder:
            end = len(ids) + (len(prompt.token_ids) if isinstance(prompt, Tokens) else 0)
        else:
            end = layers[0].shape[1] if layers else 0
        states.append(_last(layers, row, end, len(ids)))
    return states


def masked_states(
    model: PromptModel,
    layers: LayerStates,
    inputs: Sequence[Sequence[int]],
    answers: Sequence[Sequence[int]],
) -> list[LayerStates]:
    """States of each row's input as the uncached pass read it: padded on the left, an answer behind it."""
    states = []
    for row, (ids, answer) in enumerate(zip(inputs, answers, strict=True)):
        behind = 0 if model.model.config.is_encoder_decoder else len(answer)
        end = layers[0].shape[1] - behind if layers else 0
        states.append(_last(layers, row, end, len(ids)))
    return states


def _last(layers: LayerStates, row: int, end: int, count: int) -> LayerStates:
    return [layer[row, max(end - count, end - POSITIONS) : end].clone() for layer in layers]


def state_differences(first: Sequence[LayerStates], second: Sequence[LayerStates]) -> Tensor:
    """How far apart a row's states are behind each layer, (rows, layers).

    It is the mean over the width, and of the positions what `row_difference` takes.
    """
    rows = []
    for first_layers, second_layers in zip(first, second, strict=True):
        pairs = zip(first_layers, second_layers, strict=True)
        rows.append([row_difference((a.float() - b.float()).abs().mean(-1).cpu()) for a, b in pairs])
    return torch.tensor(rows)


def least_differences(model: PromptModel, rows: Sequence[LayerStates]) -> Tensor:
    """What counts as rounding even if nothing was rounded otherwise, (layers,)."""
    unit = max(LEAST, float(torch.finfo(model.dtype).eps) / 16)
    sizes = [[float(state.float().abs().mean()) for state in row] for row in rows]
    return (unit * torch.tensor(sizes).mean(0)).clamp(min=1e-30)
