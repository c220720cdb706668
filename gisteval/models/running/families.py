"""Families of text models that are not run here, and why: read from config.json, before any weights.

A family that is not named here is run if transformers has a causal language model of it. `make families`
holds all of them against the stock models (docs/models.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

T5_KIND = ("t5", "mt5", "umt5")

LOOKS_BACK = frozenset(
    {"full_attention", "attention", "global", "local", "sliding_attention", "chunked_attention"}
)
"""Kinds of layers whose keys and values are all that a later token needs of an earlier one."""

STATE = (
    "it carries a state from token to token, which is no cache of keys and values that gist slots could be "
    "cut out of"
)
HYBRID = (
    "some of its layers carry a state from token to token, which is no cache of keys and values that gist "
    "slots could be cut out of"
)
STATEFUL = frozenset({"conv", "linear_attention", "mamba", "mamba2", "recurrent", "hybrid"})
"""Kinds of layers of hybrids, as their configurations name them."""
INDEXED = "an index beside its keys and values says what is attended to, and can't be cut with them"
COLUMNS = (
    "it takes no position ids and counts the columns of its cache, so an input behind a compressed prompt "
    "would stand at the wrong positions"
)
OFFSET = "it starts to count positions behind the padding token's id, and not at 0"
OTHER_INPUT = "it reads more than text (images, speech or music), without which it computes nothing"
DRAFT = "it drafts tokens for another model, whose states it needs"

REFUSED: dict[str, tuple[str, ...]] = {
    STATE: ("falcon_mamba", "mamba", "mamba2", "rwkv", "xlstm"),
    COLUMNS: (
        "bart", "bigbird_pegasus", "blenderbot", "blenderbot-small", "marian", "mbart", "mvp", "pegasus",
        "plbart", "trocr",
    ),
    "its linear biases count the columns of a batch, and it can't be handed those of a row": ("mpt",),
    OFFSET: (
        "camembert", "data2vec-text", "roberta", "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl",
        "xmod",
    ),
    "it rotates by the columns of its cache, whatever the position ids": ("roformer",),
    INDEXED: ("axk2", "deepseek_v32", "deepseek_v4", "glm_moe_dsa", "hy_v4"),
    "it keeps no cache": ("openai-gpt",),
    "it predicts in any order with two streams of attention, and keeps no keys and values": ("xlnet",),
    "it predicts several tokens at once with streams of attention of their own": ("prophetnet",),
    "its cache is a dictionary of its own": ("xlm",),
    "it attends within hashed buckets, which it caches in place of keys and values": ("reformer",),
    "it reads bytes in patches, whose borders depend on what follows": ("blt",),
    "it reads its prompt in both directions, through position biases of segments": ("cpmant",),
    OTHER_INPUT: (
        "git", "mllama", "moshi", "musicgen", "musicgen_melody", "voxtral_realtime", "whisper",
    ),
    DRAFT: ("gemma4_assistant", "gemma4_unified_assistant"),
}  # fmt: skip

HYBRIDS = (
    "bailing_hybrid", "bamba", "falcon_h1", "granitemoehybrid", "inkling2_text", "inkling_text", "jamba",
    "kimi_linear", "lfm2", "lfm2_moe", "lfm3", "minimax", "nemotron_h", "olmo_hybrid", "qwen3_5",
    "qwen3_5_moe", "qwen3_5_moe_text", "qwen3_5_text", "qwen3_next", "qwen4_exp", "qwen4_exp_text",
    "recurrent_gemma", "zamba", "zamba2", "zaya",
)  # fmt: skip
"""Refused unless `layer_types` names layers of attention alone."""

NO_OTHER = ("falcon_h1", "inkling_text", "inkling2_text", "minimax", "recurrent_gemma", "zaya")
"""Hybrids whose layers of attention carry a state as well, or that bring a cache of their own."""

ENCODERS = (
    "bert", "bert-generation", "big_bird", "electra", "ernie", "megatron-bert", "rembert", "roc_bert",
)  # fmt: skip
"""Encoders that run as decoders if their configuration says so."""

REFUSED_ENCODER_DECODERS: dict[str, tuple[str, ...]] = {
    "its encoder numbers positions by columns, so an input behind cached gists would stand wrong": (
        "bart", "bigbird_pegasus", "blenderbot", "blenderbot-small", "fsmt", "led", "m2m_100", "marian",
        "mbart", "mvp", "nllb-moe", "pegasus", "pegasus_x", "plbart", "prophetnet",
    ),
    "its encoder attends within blocks under a mask of its own, so no gist mask can be given": ("longt5",),
    "its experts drop tokens over their capacity in a sequence, so gists would depend on the input": (
        "switch_transformers",
    ),
    "its encoder keeps no keys and values that gists could be read from": ("t5gemma", "t5gemma2"),
    "it is put together of two models, and each pair needs an adapter of its own": ("encoder-decoder",),
}  # fmt: skip

_REASONS = {kind: reason for reason, kinds in REFUSED.items() for kind in kinds}
_ENCODER_DECODER_REASONS = {kind: why for why, kinds in REFUSED_ENCODER_DECODERS.items() for kind in kinds}


def decoder_refusal(config: Mapping[str, Any]) -> str | None:
    """Why a decoder-only model of this configuration is not run, a clause; None if it is.

    config: as in config.json, or of a parsed configuration with its defaults.
    """
    text = config.get("text_config")
    parts = [config, text] if isinstance(text, Mapping) else [config]
    return next((reason for part in parts if (reason := _refusal(part)) is not None), None)


def _refusal(config: Mapping[str, Any]) -> str | None:
    kind = str(config.get("model_type"))
    layers = config.get("layer_types")
    names = {str(name) for name in layers} if isinstance(layers, list | tuple) else set()
    if kind in _REASONS:
        return _REASONS[kind]
    if kind in NO_OTHER or (kind in HYBRIDS and not names):
        return HYBRID
    if others := sorted(names - LOOKS_BACK - {"mlp", "moe"}):
        named = f"some of its layers ({', '.join(others)})"
        if STATEFUL.isdisjoint(others):
            return f"{named} keep more than keys and values, or attend to what they choose themselves"
        return HYBRID.replace("some of its layers", named)
    if config.get("use_bidirectional_attention") in (True, "all") or config.get("is_causal") is False:
        return "it is configured to read a text in both directions"
    if kind in ENCODERS and not config.get("is_decoder"):
        return "it is an encoder, which reads a text in both directions: is_decoder is not set"
    return None


def encoder_decoder_refusal(kind: str) -> str | None:
    """Why an encoder-decoder model of this type is not run, a clause; None for T5's kind."""
    if kind in T5_KIND:
        return None
    return _ENCODER_DECODER_REASONS.get(kind, "no adapter runs its encoder in parts")
