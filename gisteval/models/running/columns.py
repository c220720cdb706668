"""Stock layers that count the columns of a batch, made to count positions while our passes run.

A row alone has its tokens in the columns of their positions, so nothing changes for it. Behind a compressed
prompt, and in a padded batch, a token's column is not its position.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from gisteval.models.running.windows import text_config

COLUMNS = 2**20
"""More columns than any batch has."""

Layers = Callable[[PreTrainedModel], list[torch.nn.Module]]


@contextmanager
def by_positions(model: PreTrainedModel, layers: Layers, queries: Tensor) -> Iterator[None]:
    """Inside, layers go by the positions of the tokens that run, (B, Q). All is undone afterwards."""
    kind = text_config(model.config).model_type
    blocks: list[Any] = layers(model) if kind in ("gpt_neo", "llama4_text") else []
    with ExitStack() as stack:
        if kind == "gpt_neo":
            for attention in (block.attn.attention for block in blocks):
                stack.callback(setattr, attention, "bias", attention.bias)
                # Its windows are in our masks, and so is causality.
                attention.bias = attention.bias.new_ones(1, 1, 1, 1).expand(1, 1, COLUMNS, COLUMNS)
        else:
            for attention in (block.self_attn for block in blocks):
                if attention.attn_temperature_tuning and not attention.use_rope:
                    stack.callback(setattr, attention, "attn_temperature_tuning", True)
                    attention.attn_temperature_tuning = False
                    hook = attention.q_proj.register_forward_hook(_scaling(attention, queries))
                    stack.callback(hook.remove)
        yield


def _scaling(attention: Any, queries: Tensor) -> Any:
    """Scales queries as Llama 4 does in layers without rotations (arXiv 2501.19399)."""
    steps = torch.floor((queries.float() + 1.0) / attention.floor_scale)
    scales = torch.log1p(steps) * attention.attn_scale + 1.0

    def hook(module: Any, args: Any, output: Tensor) -> Tensor:
        scaled: Tensor = (output * scales[..., None].to(output.device)).to(output.dtype)
        return scaled

    return hook
