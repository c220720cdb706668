"""What each layer of a stock decoder attends with, seen while the layer runs.

transformers looks attention functions up by name (`AttentionInterface`). `observed` registers one that
hands a layer's queries, keys and values on and calls the stock function, so the model is not touched.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, PreTrainedModel

from gisteval.errors import GistevalError
from gisteval.models.running.alibi import alibi_of
from gisteval.models.running.layer_masks import decoder_body, decoder_layers
from gisteval.models.running.rotation import Rotation, unrotated
from gisteval.models.running.windows import Window, text_config, within

NAME = "gisteval_observed"
"""The attention function's name while a pass is observed."""


@dataclass(frozen=True, slots=True)
class LayerView:
    """What one layer attends with, of the tokens of left-padded prompts.

    Attributes:
        layer: number of the layer, from 0.
        queries: (rows, query heads, tokens, head size), as rotated.
        keys: (rows, kv heads, tokens, head size), as rotated and as a cache holds them.
        values: (rows, kv heads, tokens, head size).
        positions: (rows, tokens) position ids; 0 for padding.
        real: (rows, tokens) bool, False for padding.
        scaling: factor of the products of queries and keys before the softmax.
        prompts: the token ids of each row, without padding.
        rotation: how the layer rotated its keys; None if it rotates none.
        window: what the layer sees before a token; None if that is everything.
        softcap: the products of queries and keys are capped at this, times tanh; None if they aren't.
    """

    layer: int
    queries: Tensor
    keys: Tensor
    values: Tensor
    positions: Tensor
    real: Tensor
    scaling: float
    prompts: Sequence[Sequence[int]]
    rotation: Rotation | None
    window: Window | None = None
    softcap: float | None = None

    @property
    def groups(self) -> int:
        """Query heads that share a key-value head."""
        return self.queries.shape[1] // self.keys.shape[1]

    def unrotated_keys(self) -> Tensor:
        """The keys before their rotation, (rows, kv heads, tokens, head size).

        Raises:
            GistevalError: the layer rotates in a way that isn't undone here.
        """
        return unrotated(self.keys, self.rotation)

    def unrotated_queries(self) -> Tensor:
        """The queries before their rotation, (rows, query heads, tokens, head size).

        Raises:
            GistevalError: the layer rotates in a way that isn't undone here.
        """
        return unrotated(self.queries, self.rotation)

    def mean_rotation(self, count: int) -> Tensor:
        """The mean rotation to the `count` positions that follow row 0, (head size, head size).

        Raises:
            GistevalError: the layer's rotations at later positions aren't known.
        """
        size = self.keys.shape[-1]
        if self.rotation is None:
            return torch.eye(size, device=self.keys.device)
        return self.rotation.mean_matrix(int(self.positions[0, -1]) + 1, count, size)

    def lengths(self) -> Tensor:
        """(rows, 1) own tokens."""
        return self.real.sum(1, keepdim=True)

    def places(self) -> Tensor:
        """(rows, tokens) indices among a row's own tokens, as floats; negative for padding."""
        columns = torch.arange(self.real.shape[1], device=self.real.device)
        return (columns - (self.real.shape[1] - self.lengths())).float()

    def visible(self, start: int, end: int) -> Tensor:
        """What the columns from `start` to `end` see: (rows, end - start, tokens) bool."""
        columns = torch.arange(self.real.shape[1], device=self.real.device)
        seen = (columns[None, None] <= columns[start:end, None]) & self.real[:, None]
        seen = seen & self.real[:, start:end, None]
        return within(seen[:, None], self.window, self.positions[:, start:end], self.positions)[:, 0]

    def alone(self, row: int) -> LayerView:
        """One row without its padding."""
        start = self.real.shape[1] - len(self.prompts[row])
        rotation = self.rotation
        if rotation is not None and rotation.is_known:
            part = slice(row, row + 1) if rotation.cos.shape[0] > 1 else slice(0, 1)
            rotation = replace(rotation, cos=rotation.cos[part, start:], sin=rotation.sin[part, start:])
        of_row = {
            name: getattr(self, name)[row : row + 1, :, start:] for name in ("queries", "keys", "values")
        }
        return replace(
            self,
            **of_row,
            positions=self.positions[row : row + 1, start:],
            real=self.real[row : row + 1, start:],
            prompts=[self.prompts[row]],
            rotation=rotation,
        )


See = Callable[[LayerView], None]
"""Called once a layer, in order, with what the layer attends with."""

Select = Callable[[LayerView], Sequence[Tensor]]
"""Which tokens a layer keeps: a row's LongTensor, (kv heads, slots), of indices among its own tokens.

Index 0 is a row's first real token; a head's indices ascend. Heads may keep different tokens. One that
keeps fewer than others has -1 in front of its indices.
"""

SelectEach = Callable[[LayerView], Sequence[Sequence[Tensor]]]
"""Several selections of one layer."""

Attended = Callable[[int, Tensor, Tensor, Tensor, float, Any], None]
"""Takes a layer's number, queries, keys, values, scaling and position embeddings, if it was given some."""


def refusal(model: PreTrainedModel) -> str | None:
    """Why the layers of a decoder can't be observed, a clause; None if they can."""
    config = text_config(model.config)
    kind = config.model_type
    if alibi_of(model, decoder_body(model)) is not None:
        return f"{kind} adds linear biases to its attention, which count the columns of a cache"
    if getattr(config, "num_kv_shared_layers", 0):
        return f"layers of {kind} attend to the keys and values of other layers"
    if getattr(config, "kv_lora_rank", None):
        return f"{kind} attends to latents, of which keys and values are made"
    if getattr(config, "reorder_and_upcast_attn", False) and config._attn_implementation == "eager":
        return f"{kind} computes its attention itself where reorder_and_upcast_attn is set"
    if not model._can_set_attn_implementation():
        return f"{kind} does not let its attention function be chosen"
    return None


@contextmanager
def observed(model: PreTrainedModel, attended: Attended) -> Iterator[None]:
    """Inside, `attended` is called after the attention of each layer. All is undone afterwards.

    Raises:
        GistevalError: the model's layers can't be observed.
    """
    if (reason := refusal(model)) is not None:
        raise GistevalError(f"the layers of this model can't be observed: {reason}")
    stock = text_config(model.config)._attn_implementation
    embeddings: dict[int, Any] = {}

    def observing(
        module: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, **kwargs: Any
    ) -> Any:
        default = getattr(sys.modules[type(module).__module__], "eager_attention_forward", None)
        result = AttentionInterface().get_interface(stock, default)(
            module, query, key, value, mask, **kwargs
        )
        layer = int(module.layer_idx)
        scaling = kwargs.get("scaling") or query.shape[-1] ** -0.5
        attended(layer, query, key, value, scaling, embeddings.pop(layer, None))
        return result

    with ExitStack() as stack:
        for number, block in enumerate(decoder_layers(model)):
            hook = block.register_forward_pre_hook(_noting(embeddings, number), with_kwargs=True)
            stack.callback(hook.remove)
        AttentionInterface.register(NAME, observing)
        stack.callback(AttentionInterface._global_mapping.pop, NAME)
        stack.callback(_restore, model, _implementations(model))
        model.set_attn_implementation(NAME)
        yield


def _noting(embeddings: dict[int, Any], number: int) -> Any:
    def hook(module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        embeddings[number] = kwargs.get("position_embeddings")

    return hook


def _implementations(model: PreTrainedModel) -> list[tuple[Any, str]]:
    """Every configuration of a model and its parts, with the attention function that it names."""
    configs = {
        id(part.config): part.config for part in model.modules() if isinstance(part, PreTrainedModel)
    }
    return [(config, config._attn_implementation) for config in configs.values()]


def _restore(model: PreTrainedModel, implementations: Sequence[tuple[Any, str]]) -> None:
    for config, name in implementations:
        config._attn_implementation_internal = name


def checked(selected: Sequence[Tensor], view: LayerView) -> list[Tensor]:
    """A selection as it was made for a layer, on the device of its keys.

    Raises:
        ValueError: it does not name, for each row and kv head, tokens of the row in order.
    """
    heads = view.keys.shape[1]
    if len(selected) != len(view.prompts):
        raise ValueError(f"layer {view.layer}: {len(selected)} rows selected of {len(view.prompts)}")
    for row, (indices, prompt) in enumerate(zip(selected, view.prompts, strict=True)):
        if indices.dim() != 2 or indices.shape[0] != heads or indices.dtype != torch.long:
            raise ValueError(
                f"layer {view.layer}, row {row}: a selection is a long tensor of ({heads} heads, slots), "
                f"not {indices.dtype} of {tuple(indices.shape)}"
            )
        # Where indices ascend, the first and the last one tell whether all are inside.
        is_inside = bool(((indices[:, :1] >= -1) & (indices[:, -1:] < len(prompt))).all())
        ascends = indices[:, 1:] > indices[:, :-1]
        if not bool(ascends.all()):
            ascends |= (indices[:, 1:] == -1) & (indices[:, :-1] == -1)
        if not is_inside or not bool(ascends.all()):
            raise ValueError(
                f"layer {view.layer}, row {row}: selected indices must ascend within 0 to {len(prompt) - 1}"
            )
    return [indices.to(view.keys.device) for indices in selected]
