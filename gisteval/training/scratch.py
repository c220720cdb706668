"""New small models. The torch seed decides their weights."""

from __future__ import annotations

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
        initializer_range=shape.init_std,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


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
