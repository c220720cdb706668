"""New small models. The torch seed decides their weights."""

from __future__ import annotations

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    T5Config,
    T5ForConditionalGeneration,
)

from gisteval.models.running.architecture import Architecture, architecture_of
from gisteval.training.recipe import Scratch


def scratch_architecture(shape: Scratch) -> Architecture:
    """Return the architecture of a new model."""
    return architecture_of({"model_type": shape.model}, "scratch")


def new_model(shape: Scratch, tokenizer: PreTrainedTokenizerBase) -> PreTrainedModel:
    """Return a small Llama or T5 for this tokenizer."""
    return {"llama": new_llama, "t5": new_t5}[shape.model](shape, tokenizer)


MATCH_GAIN, COPY_GAIN = 1.5, 2.0
"""Factors on queries and keys behind the first layer, and on values and outputs, at a matching start."""

NEAR = (1, 2, 3)
"""How many tokens back the heads of the first layer look at a matching start, one after the other."""

NEARNESS = 4.0
"""Length of these heads' constant queries and keys in each of their fastest frequencies."""

FREQUENCIES = 4
"""How many of a head's frequencies tell near positions apart."""


def new_llama(shape: Scratch, tokenizer: PreTrainedTokenizerBase) -> LlamaForCausalLM:
    """Return a Llama with tied embeddings."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=shape.hidden_size,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.heads,
        max_position_embeddings=shape.context,
        tie_word_embeddings=True,
        attention_bias=shape.attention == "matching",
        initializer_range=shape.init_std,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model = LlamaForCausalLM(config)
    if shape.attention == "matching":
        _match(model)
    return model


@torch.no_grad()
def _match(model: LlamaForCausalLM) -> None:
    """Begin with attention to like tokens, and in the first layer to those right before.

    Keys equal queries, and the output undoes the values (mimetic initialisation, Trockman and Kolter, arXiv
    2305.09828). Biases make the first heads look back by a fixed distance: two rotated vectors agree most
    where their angles do.
    """
    config = model.config
    size = config.hidden_size // config.num_attention_heads
    for number, layer in enumerate(model.model.layers):
        attention = layer.self_attn
        if number:
            attention.q_proj.weight *= MATCH_GAIN
        attention.v_proj.weight *= COPY_GAIN
        attention.k_proj.weight.copy_(attention.q_proj.weight)
        attention.o_proj.weight.copy_(attention.v_proj.weight.T)
    angles = model.model.rotary_emb.inv_freq[:FREQUENCIES]
    first = model.model.layers[0].self_attn
    for head, distance in zip(range(config.num_attention_heads), NEAR, strict=False):
        start = head * size
        for begin, part in ((start, torch.cos), (start + size // 2, torch.sin)):
            first.k_proj.bias[begin : begin + len(angles)] = NEARNESS * part(torch.zeros(len(angles)))
            first.q_proj.bias[begin : begin + len(angles)] = NEARNESS * part(-distance * angles)


def new_t5(shape: Scratch, tokenizer: PreTrainedTokenizerBase) -> T5ForConditionalGeneration:
    """Return a T5 with a gated MLP, as in FLAN-T5, with tied embeddings and T5's own initialisation."""
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=shape.hidden_size,
        d_kv=shape.hidden_size // shape.heads,
        d_ff=shape.intermediate_size,
        num_layers=shape.layers,
        num_heads=shape.heads,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    )
    return T5ForConditionalGeneration(config)
