"""The vocabulary that an adapter was trained over."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM

from gisteval.errors import GistevalError
from gisteval.models.checkpoints.adapter_rows import PREFIX, trained_tokens, vocabulary_rows

CONFIG = LlamaConfig(
    vocab_size=11, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=2
)
EMBEDDING, HEAD = f"{PREFIX}model.embed_tokens", f"{PREFIX}lm_head"


def rows(folder: Path, **tensors: torch.Tensor) -> int | None:
    save_file(tensors, folder / "adapter_model.safetensors")
    return vocabulary_rows(folder, LlamaForCausalLM(CONFIG))


@pytest.mark.parametrize(
    ("key", "shape"),
    [
        (f"{EMBEDDING}.lora_embedding_A", (2, 13)),
        (f"{EMBEDDING}.weight", (13, 8)),
        (f"{HEAD}.lora_B.weight", (13, 2)),
        (f"{HEAD}.base_layer.weight", (13, 8)),
    ],
)
def test_each_form_of_a_tensor_says_the_rows(tmp_path: Path, key: str, shape: tuple[int, int]) -> None:
    assert rows(tmp_path, **{key: torch.zeros(shape)}) == 13


def test_tensors_of_layers_say_nothing(tmp_path: Path) -> None:
    key = f"{PREFIX}model.layers.0.self_attn.q_proj.lora_B.weight"
    assert rows(tmp_path, **{key: torch.zeros(8, 2)}) is None


def test_tensors_that_disagree_are_named(tmp_path: Path) -> None:
    tensors = {f"{EMBEDDING}.weight": torch.zeros(13, 8), f"{HEAD}.lora_B.weight": torch.zeros(12, 2)}
    with pytest.raises(GistevalError, match="disagree about the vocabulary"):
        rows(tmp_path, **tensors)


def test_trained_tokens_are_those_of_all_matrices() -> None:
    assert trained_tokens({"trainable_token_indices": {"embed_tokens": [3, 5], "lm_head": [5, 7]}}) == {
        3,
        5,
        7,
    }
    assert trained_tokens({}) == set()
    with pytest.raises(ValueError, match="lie beyond"):
        trained_tokens({"trainable_token_indices": [-1]})
