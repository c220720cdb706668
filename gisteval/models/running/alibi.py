"""Linear biases of attention (ALiBi, arXiv 2108.12409) by positions instead of by columns.

Stock models count the columns of a padded batch. Behind a compressed prompt a token's column is not its
position, so each layer is handed the biases of the positions.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from gisteval.models.running.windows import text_config


@dataclass(frozen=True, slots=True)
class Alibi:
    """How one family adds its biases. in_mask: to the mask, as Falcon does, and not to the scores."""

    module: str
    heads: int
    scale: float
    in_mask: bool

    def arguments(self, mask: Tensor, keys: Tensor) -> dict[str, Tensor]:
        """What a layer takes for a mask, (B, H or 1, Q, K) additive, over keys at positions (B, K)."""
        bias = self._table(int(keys.max()) + 1, mask)[:, keys].transpose(0, 1)[:, :, None]  # (B, H, 1, K)
        flat = bias.reshape(-1, 1, keys.shape[1])
        if not self.in_mask:
            return {"attention_mask": mask, "alibi": flat}
        biased = (bias / self.scale).expand(-1, -1, mask.shape[2], -1)
        return {
            "attention_mask": biased.masked_fill(mask < -1, torch.finfo(mask.dtype).min),
            "alibi": flat,
        }

    def _table(self, length: int, like: Tensor) -> Tensor:
        """(heads, length): the stock model's own biases of one unpadded row."""
        build: Any = sys.modules[self.module].build_alibi_tensor
        row = torch.ones(1, length, dtype=torch.long, device=like.device)
        table: Tensor = build(row, self.heads, like.dtype)[:, 0]
        return table


def alibi_of(model: PreTrainedModel, body: torch.nn.Module) -> Alibi | None:
    """None for a model without linear biases."""
    config = text_config(model.config)
    if config.model_type == "falcon" and config.alibi:
        size = config.hidden_size // config.num_attention_heads
        return Alibi(type(body).__module__, config.num_attention_heads, math.sqrt(size), in_mask=True)
    if config.model_type == "bloom":
        return Alibi(type(body).__module__, config.num_attention_heads, 1.0, in_mask=False)
    return None
