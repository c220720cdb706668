"""Forward passes of stock transformers models on the meta device, which has shapes but no numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    DynamicCache,
    EncoderDecoderCache,
    PreTrainedModel,
)

from gisteval.errors import GistevalError, one_line
from gisteval.profiling.shapes import parse_config

META = torch.device("meta")


@dataclass(frozen=True, slots=True)
class Pass:
    """One forward pass of one row.

    Attributes:
        tokens: Tokens that are run.
        cached: Slots that are already in the cache.
        generated: For an encoder-decoder, the decoder tokens before this one. With 0 the pass also runs
            the encoder over `tokens` behind `cached`.
        logits: The number of last positions that go through a decoder-only model's output matrix. None
            means all, as the paper measures. The adapters use the last position, and none to compress.
    """

    tokens: int
    cached: int
    generated: int = 0
    logits: int | None = None


def build_meta_model(config: Mapping[str, Any]) -> PreTrainedModel:
    """Build a model without weights.

    Attention is eager, so that no fused operator hides a product. Tokens can't be routed to experts without
    numbers, so a mixture of experts gathers the matrices of each token's experts and multiplies by those.
    This runs exactly the products of the experts that are used.

    Raises:
        GistevalError: transformers has no language model for this configuration.
    """
    parsed = parse_config(config)
    try:
        kind: Any = AutoModelForSeq2SeqLM if parsed.is_encoder_decoder else AutoModelForCausalLM
        with META:
            model: PreTrainedModel = kind.from_config(
                parsed, attn_implementation="eager", experts_implementation="batched_mm"
            )
    except Exception as error:  # the modelling code is another project's: it may raise anything
        raise GistevalError(
            f"no language model can be built from model_type {config['model_type']} ({one_line(error)})"
        ) from error
    return model.eval()


def wrap(model: PreTrainedModel, step: Pass) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """Return a module and its inputs for one pass.

    Raises:
        GistevalError: The architecture does not support this pass.
    """
    if model.config.model_type == "t5":
        return _T5Pass(model, step), (_ids(1 if step.generated else step.tokens),)
    if model.config.is_encoder_decoder:
        if step.cached or step.generated:
            raise GistevalError(
                f"{model.config.model_type}: cached tokens are supported for decoder-only models and T5, "
                "use --cached-tokens 0 without --output-tokens"
            )
        return _PlainEncoderDecoderPass(model), (_ids(step.tokens), _ids(1))
    total = step.tokens + step.cached
    mask = torch.zeros(1, 1, step.tokens, total, device=META)  # a mask of None fails on meta
    places = torch.arange(step.cached, total, device=META)[None]
    return _DecoderPass(model, step), (_ids(step.tokens), mask, places)


def _slot_shapes(model: PreTrainedModel, slots: int) -> list[tuple[torch.Size, torch.Size]]:
    """Shapes of each layer's keys and values after a pass over `slots` tokens. Model families differ."""
    if not slots:
        return []
    cache = DynamicCache()
    with torch.no_grad():
        model.base_model(
            input_ids=_ids(slots),
            attention_mask=torch.zeros(1, 1, slots, slots, device=META),
            position_ids=torch.arange(slots, device=META)[None],
            past_key_values=cache,
            use_cache=True,
        )
    return [(layer.keys.shape, layer.values.shape) for layer in cache.layers]


def _ids(count: int) -> Tensor:
    return torch.zeros(1, count, dtype=torch.long, device=META)


def _filled(layers: int, heads: int, slots: int, size: int) -> DynamicCache:
    """A cache with `slots` slots in each layer, or an empty one for 0."""
    cache = DynamicCache()
    if slots:
        for layer in range(layers):
            states = torch.zeros(1, heads, slots, size, device=META)
            cache.update(states, states, layer)
    return cache


class _DecoderPass(nn.Module):
    def __init__(self, model: PreTrainedModel, step: Pass) -> None:
        super().__init__()
        self.model = model
        self.step = step
        self.shapes = _slot_shapes(model, step.cached)

    def forward(self, ids: Tensor, mask: Tensor, places: Tensor) -> Tensor:
        cache = DynamicCache()
        for layer, (keys, values) in enumerate(self.shapes):
            cache.update(torch.zeros(keys, device=META), torch.zeros(values, device=META), layer)
        model = self.model.base_model if self.step.logits == 0 else self.model
        if self.step.logits:
            model = partial(model, logits_to_keep=self.step.logits)
        output = model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=places,
            past_key_values=cache,
            use_cache=True,
        )
        result: Tensor = output.last_hidden_state if self.step.logits == 0 else output.logits
        return result


class _T5Pass(nn.Module):
    """A pass of T5. T5Stack drops an encoder's cache, but its blocks use one, so they are called here."""

    def __init__(self, model: PreTrainedModel, step: Pass) -> None:
        super().__init__()
        self.model = model
        self.step = step

    def forward(self, ids: Tensor) -> Tensor:
        config, step = self.model.config, self.step
        total = step.tokens + step.cached
        if step.generated:
            states = torch.zeros(1, total, config.d_model, device=META)
            cache = EncoderDecoderCache(
                _filled(config.num_decoder_layers, config.num_heads, step.generated, config.d_kv),
                _filled(config.num_decoder_layers, config.num_heads, total, config.d_kv),
            )
            return self._decode(ids, states, cache)
        states = self._encode(ids)
        if step.cached:
            cached = torch.zeros(1, step.cached, config.d_model, device=META)
            states = torch.cat([cached, states], dim=1)
        return self._decode(_ids(1), states, None)

    def _encode(self, ids: Tensor) -> Tensor:
        config, step = self.model.config, self.step
        encoder = self.model.get_encoder()
        cache = _filled(config.num_layers, config.num_heads, step.cached, config.d_kv)
        mask = torch.zeros(1, 1, step.tokens, step.tokens + step.cached, device=META)
        states, bias = encoder.embed_tokens(ids), None
        for block in encoder.block:
            states, bias, _ = block(states, attention_mask=mask, position_bias=bias, past_key_values=cache)[
                :3
            ]
        final: Tensor = encoder.final_layer_norm(states)
        return final

    def _decode(self, ids: Tensor, states: Tensor, cache: EncoderDecoderCache | None) -> Tensor:
        seen = ids.shape[1] + self.step.generated
        output = self.model(
            encoder_outputs=(states,),
            attention_mask=torch.zeros(1, 1, ids.shape[1], states.shape[1], device=META),
            decoder_input_ids=ids,
            decoder_attention_mask=torch.zeros(1, 1, ids.shape[1], seen, device=META),
            past_key_values=cache,
            use_cache=cache is not None,
        )
        logits: Tensor = output.logits
        return logits


class _PlainEncoderDecoderPass(nn.Module):
    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, decoder_ids: Tensor) -> Tensor:
        count = ids.shape[1]
        encoder_mask = torch.zeros(1, 1, count, count, device=META)
        states = self.model.get_encoder()(input_ids=ids, attention_mask=encoder_mask)[0]
        output = self.model(
            encoder_outputs=(states,),
            attention_mask=torch.zeros(1, 1, 1, count, device=META),
            decoder_input_ids=decoder_ids,
            use_cache=False,
        )
        logits: Tensor = output.logits
        return logits
