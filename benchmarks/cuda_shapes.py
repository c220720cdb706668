"""Models by shape with random weights, and the lengths of the paper's human prompts, for cuda.py."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from cuda_lines import Setting
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

from gisteval.profiling.released import read_released
from gisteval.profiling.shapes import PUBLISHED, ModelShape, describe_config, parse_config

TINY: dict[str, dict[str, int]] = {
    "llama": {
        "vocab_size": 400,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
    },
    "t5": {"vocab_size": 400, "d_model": 32, "d_ff": 48, "d_kv": 8, "num_layers": 2, "num_heads": 4},
}
"""What a test takes in place of the published sizes."""

LONGEST = 32_768
"""Positions of the Llama shape. Rotary attention has no weights for them, so more of them cost nothing."""

RELEASED = "paper/benchmarking/pytorch-llama-7b-benchmarking-human.csv"
MEAN_LENGTHS = (24, 34)
"""Tokens of prompt and input where the released file is not there: near its means."""


@dataclass(frozen=True)
class Lengths:
    """Tokens of prompt and input of each example, and where they are from."""

    rows: list[tuple[int, int]]
    source: str


def shape_of(name: str, setting: Setting) -> ModelShape:
    """A published shape, or a tiny one of its kind."""
    config = dict(PUBLISHED[name])
    if setting.tiny:
        config.update(TINY[config["model_type"]])
    if config["model_type"] == "llama":
        config["max_position_embeddings"] = LONGEST
    return describe_config(name, config)


def random_network(shape: ModelShape, device: torch.device, dtype: torch.dtype) -> Any:
    """The stock model with random weights, which are made on the device."""
    config = parse_config(shape.config)
    kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    torch.manual_seed(0)
    with device:
        return kind.from_config(config, dtype=dtype).eval()


def human_lengths(setting: Setting) -> Lengths:
    """Those of the paper's 252 human prompts, LLaMA's tokens, from the released file if it is there."""
    data = os.environ.get("GISTEVAL_SHARED_DATA")
    file = Path(data) / RELEASED if data else None
    if setting.tiny or file is None or not file.is_file():
        rows = [MEAN_LENGTHS] * (2 if setting.tiny else 252)
        return Lengths(rows, f"{len(rows)} rows near the paper's means, since its file is not there")
    found = [row for row in read_released(file) if row.model == "standard"]
    return Lengths([(row.tokens - row.inputs, row.inputs) for row in found], "the paper's human prompts")


def token_ids(rows: int, length: int, network: Any) -> torch.Tensor:
    """Random ids, (rows, length)."""
    return torch.randint(10, min(300, network.config.vocab_size), (rows, length), device=network.device)


def filled(cache: Any, network: Any, rows: int, slots: int) -> Any:
    """The cache with random keys and values. Time depends on shapes and not on values."""
    config = network.config
    heads, size = config.num_key_value_heads, config.head_dim
    for layer in range(config.num_hidden_layers) if slots else ():
        states = torch.randn(rows, heads, slots, size, device=network.device, dtype=network.dtype)
        cache.update(states, states.clone(), layer)
    return cache
