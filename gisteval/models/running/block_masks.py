"""Masks that differ between the blocks of a stock encoder-decoder: what its input and its decoder see."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from torch import Tensor
from transformers import PreTrainedModel

from gisteval import masks
from gisteval.masks import MaskRule
from gisteval.models.running.layer_masks import rules_by_layer, swapped_masks


@contextmanager
def source_masks(
    model: PreTrainedModel, roles: Tensor, rule: MaskRule, cached: int = 0
) -> Iterator[Tensor]:
    """The additive mask to pass to the encoder, whose blocks then each see what the rule says there.

    Args:
        model: The stock model.
        roles: (B, S), see `masks`.
        rule: What the input sees of the prompt.
        cached: So many of the first columns are in a cache, and only those behind them run.

    Raises:
        ValueError: The rule names a layer or head that does not exist.
    """
    own = _of_blocks(model, roles, rule, len(model.encoder.block), partial(_seen_by_source, cached=cached))
    with swapped_masks(model, lambda network: network.encoder.block, own) as mask:
        yield mask


@contextmanager
def cross_masks(model: PreTrainedModel, roles: Tensor, rule: MaskRule) -> Iterator[Tensor]:
    """The mask of the encoder's states to pass to the decoder, each of whose blocks then sees its own.

    roles: (B, S) of the encoder's columns. Raises ValueError for a layer or head that does not exist.
    """
    if not is_partial(rule):
        yield masks.prompt_visible(roles, rule)  # as the stock model takes it
        return
    own = _of_blocks(model, roles, rule, len(model.decoder.block), _seen_by_decoder)
    with swapped_masks(model, lambda network: network.decoder.block, own) as mask:
        yield mask


def is_partial(rule: MaskRule) -> bool:
    """Whether a rule names layers or heads, and holds nowhere else."""
    return rule.layers is not None or rule.heads is not None


def _seen_by_source(roles: Tensor, rule: MaskRule, cached: int) -> Tensor:
    return masks.source_visibility(roles, rule)[:, cached:]


def _seen_by_decoder(roles: Tensor, rule: MaskRule) -> Tensor:
    return masks.prompt_visible(roles, rule)[:, None]


def _of_blocks(
    model: PreTrainedModel,
    roles: Tensor,
    rule: MaskRule,
    blocks: int,
    made: Callable[[Tensor, MaskRule], Tensor],
) -> list[Tensor]:
    """The mask of each block, (B, H or 1, Q, S) bool; blocks with the same one share it."""
    rules = rules_by_layer(rule, blocks)
    heads = model.config.num_heads
    different = {one: masks.head_masks(roles, one, heads, made) for one in set(rules)}
    return [different[one] for one in rules]
