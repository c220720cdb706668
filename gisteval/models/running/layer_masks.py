"""Masks that differ between the layers of a stock model, put in by hooks that leave no trace."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from gisteval import masks
from gisteval.errors import GistevalError
from gisteval.masks import PAD, MaskRule
from gisteval.models.running.alibi import alibi_of
from gisteval.models.running.columns import by_positions
from gisteval.models.running.compressed import Selection
from gisteval.models.running.padding import positions
from gisteval.models.running.windows import Window, effective, layer_windows, text_config, within

BLOCK_LISTS = ("layers", "h", "blocks", "block", "layer")
"""Names that families give to the list of their blocks."""


def decoder_body(model: PreTrainedModel) -> torch.nn.Module:
    """The part of a model that turns token ids into final states; of one with images, its text part."""
    find = getattr(model, "get_decoder", lambda: None)
    candidates = [find(), model.base_model, getattr(model, "model", None)]
    bodies: list[torch.nn.Module] = [body for body in candidates if body is not None]
    return next((body for body in bodies if _blocks(body) is not None), bodies[-1])


def decoder_layers(model: PreTrainedModel) -> list[torch.nn.Module]:
    """The blocks of a decoder, in order. Raises GistevalError if there is no list of them."""
    blocks = _blocks(decoder_body(model))
    if blocks is None:
        raise GistevalError(f"{type(model).__name__}: no list of decoder blocks was found")
    return list(blocks)


def _blocks(body: torch.nn.Module) -> torch.nn.ModuleList | None:
    holders = (body, getattr(body, "encoder", None))  # BERT's kind, read as a decoder
    lists = (getattr(holder, name, None) for holder in holders for name in BLOCK_LISTS)
    return next((found for found in lists if isinstance(found, torch.nn.ModuleList)), None)


def rules_by_layer(rule: MaskRule, count: int) -> list[MaskRule]:
    """The rule as each of so many layers applies it. Raises ValueError if it names one beyond them."""
    unknown = sorted(index for index in rule.layers or () if not 0 <= index < count)
    if unknown:
        raise ValueError(f"layers {unknown} do not exist: the model has {count}")
    return [rule.at_layer(index) for index in range(count)]


@contextmanager
def layer_masks(model: PreTrainedModel, roles: Tensor, rule: MaskRule, cached: int = 0) -> Iterator[Tensor]:
    """The additive mask to pass to `model`, which applies the rule, and each layer's own window.

    cached: so many of the first columns are in a cache, and only those behind them run.
    """
    windows = effective(layer_windows(model.config), roles.shape[1])
    places = masks.token_positions(roles, rule)
    kinds = list(zip(rules_by_layer(rule, len(windows)), windows, strict=True))
    heads = text_config(model.config).num_attention_heads
    made = {
        (one, window): within(
            masks.head_masks(roles, one, heads)[:, :, cached:], window, places[:, cached:], places
        )
        for one, window in set(kinds)
    }
    own = [made[kind] for kind in kinds]
    with own_masks(model, own, places) as mask:
        yield mask


@contextmanager
def window_masks(
    model: PreTrainedModel, mask: Tensor, windows: Sequence[Window | None], queries: Tensor, keys: Tensor
) -> Iterator[Tensor]:
    """The additive form of a mask, (B, H or 1, Q, K) bool, to pass to `model`, whose layers have windows.

    queries, keys: positions, (B, Q) and (B, K).
    """
    made = {window: within(mask, window, queries, keys) for window in set(windows)}
    with own_masks(model, [made[window] for window in windows], keys) as shared:
        yield shared


@contextmanager
def given_mask(model: PreTrainedModel, mask: Tensor, places: Tensor) -> Iterator[Tensor]:
    """What to pass to `model` for a whole additive mask, (B, H or 1, S, S), over positions (B, S)."""
    windows = layer_windows(model.config)
    if any(windows) or alibi_of(model, decoder_body(model)) is not None:
        seen = effective(windows, int(places.max()) + 1)
        with window_masks(model, mask == 0, seen, places, places) as shared:
            yield shared
    else:
        yield mask


@contextmanager
def own_masks(model: PreTrainedModel, own: Sequence[Tensor], keys: Tensor) -> Iterator[Tensor]:
    """The mask to pass to `model`, whose layers then see one each of `own`, (B, H or 1, Q, K) bool.

    keys: positions, (B, K). Stock models hand a 4D mask on to every layer as it is, so a hook that finds
    that very tensor among a layer's arguments can put the layer's own mask in its place. Those with
    linear biases make their own mask of a 2D one: their layers' arguments are replaced by name. The hooks
    are gone afterwards.
    """
    alibi = alibi_of(model, decoder_body(model))
    with ExitStack() as stack:
        stack.enter_context(by_positions(model, decoder_layers, keys[:, -own[0].shape[2] :]))
        if alibi is None:
            yield stack.enter_context(swapped_masks(model, decoder_layers, own))
            return
        additive = _additive(own, model.dtype)
        given = {name: alibi.arguments(mask, keys) for name, mask in additive.items()}
        stack.enter_context(_hooked(decoder_layers(model), [_naming(given[id(mask)]) for mask in own]))
        yield torch.ones_like(keys)


@contextmanager
def swapped_masks(
    model: PreTrainedModel,
    layers: Callable[[PreTrainedModel], Sequence[torch.nn.Module]],
    own: Sequence[Tensor],
) -> Iterator[Tensor]:
    """The additive mask to pass to `model`, in whose place its `layers` then see one each of `own`.

    own: (B, H or 1, Q, K) bool. The layers take a 4D mask as it is. The hooks are gone afterwards.
    """
    additive = _additive(own, model.dtype)
    shared = additive[id(own[0])]
    if len(additive) == 1:
        yield shared
        return
    with _hooked(layers(model), [_replacing(shared, additive[id(mask)]) for mask in own]):
        yield shared


def _additive(own: Sequence[Tensor], dtype: torch.dtype) -> dict[int, Tensor]:
    """The additive form of each different mask by its id; most models have one mask for all layers."""
    different = {id(mask): mask for mask in own}
    return {name: masks.additive(mask, dtype) for name, mask in different.items()}


@contextmanager
def _hooked(layers: Sequence[torch.nn.Module], hooks: Sequence[Any]) -> Iterator[None]:
    """Change the arguments of each layer by its own hook."""
    with ExitStack() as stack:
        for layer, hook in zip(layers, hooks, strict=True):
            stack.callback(layer.register_forward_pre_hook(hook, with_kwargs=True).remove)
        yield


@contextmanager
def made_masks(model: PreTrainedModel, make: Callable[[int], Tensor], queries: Tensor) -> Iterator[Tensor]:
    """The mask to pass to `model`, whose layers then each see the mask that is made for them.

    A layer's mask is made when the layer runs, so that one of them is there at a time.

    Args:
        model: the stock model, without linear biases.
        make: from a layer's number to its mask, (B, H or 1, Q, K) bool.
        queries: positions, (B, Q).
    """
    shared = masks.additive(make(0), model.dtype)
    with ExitStack() as stack:
        stack.enter_context(by_positions(model, decoder_layers, queries))
        layers = decoder_layers(model)
        hooks = [_making(shared, number, make, model.dtype) for number in range(len(layers))]
        stack.enter_context(_hooked(layers, hooks))
        yield shared


@contextmanager
def selection_masks(model: PreTrainedModel, roles: Tensor, kept: Selection) -> Iterator[Tensor]:
    """The additive mask to pass to `model`, whose continuations see of each prompt only what it keeps.

    Args:
        model: the stock model.
        roles: (B, S), see `masks`, of left-padded rows.
        kept: a row's indices of its own prompt tokens, a layer's being (kv heads, slots), -1 for none.
            Query heads that share a kv head see the same.

    Raises:
        GistevalError: the model adds linear biases to its attention.
    """
    if alibi_of(model, decoder_body(model)) is not None:
        raise GistevalError("a model with linear biases takes no mask that differs between heads")
    windows = effective(layer_windows(model.config), roles.shape[1])
    heads = text_config(model.config).num_attention_heads
    places = positions(roles != PAD, 0)
    first = (roles != PAD).long().argmax(1).tolist()

    def make(layer: int) -> Tensor:
        kv_heads = kept[0][layer].shape[0]
        width = roles.shape[1]
        # One column more, for slots that hold nothing.
        marks = torch.zeros(len(kept), kv_heads, width + 1, dtype=torch.bool, device=roles.device)
        for row, start in enumerate(first):
            own = kept[row][layer].to(marks.device)
            marks[row].scatter_(1, (own + start).where(own >= 0, width), True)
        seen = marks[:, :, :width]
        of_heads = masks.selection_masks(roles, seen.repeat_interleave(heads // kv_heads, dim=1))
        return within(of_heads, windows[layer], places, places)

    with made_masks(model, make, places) as mask:
        yield mask


def _making(shared: Tensor, number: int, make: Callable[[int], Tensor], dtype: torch.dtype) -> Any:
    def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _replacing(shared, masks.additive(make(number), dtype))(module, args, kwargs)

    return hook


def _naming(given: dict[str, Tensor]) -> Any:
    def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not given.keys() <= kwargs.keys():
            raise GistevalError(f"{type(module).__name__} does not take {' and '.join(given)} by name")
        return args, {**kwargs, **given}

    return hook


def _replacing(shared: Tensor, own: Tensor) -> Any:
    def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not any(value is shared for value in (*args, *kwargs.values())):
            raise GistevalError(f"{type(module).__name__} does not take the mask it is given as-is")
        swapped = {name: own if value is shared else value for name, value in kwargs.items()}
        return tuple(own if value is shared else value for value in args), swapped

    return hook
