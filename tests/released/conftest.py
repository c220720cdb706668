"""Miniatures of the paper's published checkpoints, file by file in the layout of their time.

jayelm/llama-7b-gist-1 is a weight difference in sharded pickles with a slow sentencepiece tokenizer;
jayelm/flan-t5-xxl-gist-1 holds whole weights with an output matrix of its own (transformers 4.28).
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, T5Config, T5ForConditionalGeneration

TEXT = (
    """Instruction: say the first word twice Input: cats, dogs and worlds Output: yes no maybe
Give three tips for staying healthy. Eat a balanced diet and drink enough water every day.
The children walked home along the river before it was dark."""
    * 5
)

PIECES = 64


@dataclass(frozen=True)
class Released:
    """A folder as published, the base it needs, and the network that it must become."""

    folder: Path
    base: Path | None
    tuned: torch.nn.Module


def write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=2))


def write_pickles(folder: Path, weights: dict[str, torch.Tensor]) -> None:
    """Two shards and their index."""
    names = list(weights)
    shards = [names[: len(names) // 2], names[len(names) // 2 :]]
    index = {}
    for number, shard in enumerate(shards, 1):
        file = f"pytorch_model-{number:05}-of-00002.bin"
        torch.save({name: weights[name].clone() for name in shard}, folder / file)
        index |= dict.fromkeys(shard, file)
    total = sum(weight.nbytes for weight in weights.values())
    write_json(
        folder / "pytorch_model.bin.index.json", {"metadata": {"total_size": total}, "weight_map": index}
    )


def sentence_pieces(kind: str, **options) -> bytes:
    sentencepiece = pytest.importorskip("sentencepiece")
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(TEXT.split("\n")),
        model_writer=model,
        model_type=kind,
        vocab_size=PIECES,
        minloglevel=2,
        **options,
    )
    return model.getvalue()


def write_llama_tokenizer(folder: Path, pieces: bytes, gist: bool) -> None:
    (folder / "tokenizer.model").write_bytes(pieces)
    special = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    if gist:
        special = {"additional_special_tokens": ["<GIST>"], **special, "pad_token": "</s>"}
        write_json(folder / "added_tokens.json", {"<GIST>": PIECES})
    write_json(folder / "special_tokens_map.json", special)
    added = {"__type": "AddedToken", "lstrip": False, "normalized": True, "rstrip": False}
    write_json(
        folder / "tokenizer_config.json",
        {
            "add_bos_token": True,
            "add_eos_token": False,
            "bos_token": {**added, "content": "<s>", "single_word": False},
            "clean_up_tokenization_spaces": False,
            "eos_token": {**added, "content": "</s>", "single_word": False},
            "model_max_length": 1000000000000000019884624838656,
            "pad_token": None,
            "sp_model_kwargs": {},
            "special_tokens_map_file": "special_tokens_map.json",
            "tokenizer_class": "LlamaTokenizer",
            "unk_token": {**added, "content": "<unk>", "single_word": False},
        },
    )


def llama_config(vocabulary: int) -> dict[str, object]:
    return {
        "architectures": ["GistLlamaForCausalLM"],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_act": "silu",
        "hidden_size": 32,
        "initializer_range": 0.02,
        "intermediate_size": 64,
        "max_position_embeddings": 256,
        "max_sequence_length": 256,
        "model_type": "llama",
        "num_attention_heads": 4,
        "num_hidden_layers": 3,
        "pad_token_id": 0,
        "rms_norm_eps": 1e-06,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "transformers_version": "4.28.0.dev0",
        "use_cache": True,
        "vocab_size": vocabulary,
    }


def write_llama_base(folder: Path, pieces: bytes, seed: int) -> LlamaForCausalLM:
    """LLaMA as converted for transformers: half precision, no gist token."""
    folder.mkdir(parents=True)
    torch.manual_seed(seed)
    network = LlamaForCausalLM(LlamaConfig(**llama_config(PIECES))).half()
    network.save_pretrained(folder, max_shard_size="40KB")
    write_json(folder / "config.json", llama_config(PIECES) | {"architectures": ["LLaMAForCausalLM"]})
    write_llama_tokenizer(folder, pieces, gist=False)
    return network.float()


def write_llama(root: Path) -> Released:
    """The difference of a network that moved a little from its base, and that base."""
    pieces = sentence_pieces("bpe", byte_fallback=False, character_coverage=1.0)
    base = write_llama_base(root / "llama-7b", pieces, seed=0)
    write_llama_base(root / "other-7b", pieces, seed=1)
    folder = root / "llama-7b-gist-1"
    folder.mkdir()
    tuned = LlamaForCausalLM(LlamaConfig(**llama_config(PIECES + 1)))
    difference = {}
    start = base.state_dict()
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            old = start[name]
            weight.mul_(0.1)
            if weight.dim() == 1:
                weight.copy_(0.01 * torch.randn_like(weight))
            weight[: old.shape[0]] += old
            extended = torch.zeros_like(weight)
            extended[: old.shape[0]] = old
            difference[name] = weight - extended
    for layer in range(3):
        difference[f"model.layers.{layer}.self_attn.rotary_emb.inv_freq"] = torch.zeros(4)
    write_pickles(folder, difference)
    write_json(folder / "config.json", llama_config(PIECES + 1))
    write_json(
        folder / "generation_config.json",
        {"_from_model_config": True, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0},
    )
    write_llama_tokenizer(folder, pieces, gist=True)
    return Released(folder, root / "llama-7b", tuned.eval())


def write_flan_t5(root: Path) -> Released:
    """Whole weights; the output matrix is not the embedding, and both have the gist row."""
    folder = root / "flan-t5-xxl-gist-1"
    folder.mkdir(parents=True)
    vocabulary = PIECES + 100 + 1  # 100 sentinels, then <GIST>
    config = {
        "architectures": ["GistT5ForConditionalGeneration"],
        "d_ff": 64,
        "d_kv": 8,
        "d_model": 32,
        "decoder_start_token_id": 0,
        "dense_act_fn": "gelu_new",
        "dropout_rate": 0.1,
        "eos_token_id": 1,
        "feed_forward_proj": "gated-gelu",
        "initializer_factor": 1.0,
        "is_encoder_decoder": True,
        "is_gated_act": True,
        "layer_norm_epsilon": 1e-06,
        "model_type": "t5",
        "num_decoder_layers": 2,
        "num_heads": 4,
        "num_layers": 2,
        "output_past": True,
        "pad_token_id": 0,
        "relative_attention_max_distance": 128,
        "relative_attention_num_buckets": 32,
        "tie_word_embeddings": False,
        "torch_dtype": "float32",
        "transformers_version": "4.28.0.dev0",
        "use_cache": True,
        "vocab_size": vocabulary,
    }
    torch.manual_seed(0)
    network = T5ForConditionalGeneration(T5Config(**config)).eval()
    network.lm_head.weight = torch.nn.Parameter(torch.randn(vocabulary, 32))
    write_pickles(folder, network.state_dict())
    write_json(folder / "config.json", config)
    pieces = sentence_pieces("unigram", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)
    (folder / "spiece.model").write_bytes(pieces)
    sentinels = [f"<extra_id_{number}>" for number in range(100)]
    special = {"additional_special_tokens": [*sentinels, "<GIST>"]}
    special |= {"eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    write_json(folder / "special_tokens_map.json", special)
    write_json(folder / "added_tokens.json", {"<GIST>": PIECES + 100})
    write_json(
        folder / "tokenizer_config.json",
        {
            **special,
            "additional_special_tokens": sentinels,
            "extra_ids": 100,
            "model_max_length": 512,
            "sp_model_kwargs": {},
            "tokenizer_class": "T5Tokenizer",
        },
    )
    return Released(folder, None, network)


@pytest.fixture(scope="session")
def llama(tmp_path_factory) -> Released:
    """The difference in llama-7b-gist-1, its base in llama-7b, another in other-7b. Don't change them."""
    return write_llama(tmp_path_factory.mktemp("released"))


@pytest.fixture(scope="session")
def flan_t5(tmp_path_factory) -> Released:
    """Don't change it."""
    return write_flan_t5(tmp_path_factory.mktemp("released"))


@pytest.fixture
def command(monkeypatch, capsys) -> Callable[..., tuple[int, str, str]]:
    """Runs the command line in this process: exit code, stdout, stderr."""
    from gisteval.cli.app import main

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["gisteval", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call
