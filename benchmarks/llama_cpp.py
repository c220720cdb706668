"""Compressed prompts of the demo Llama behind a stock llama.cpp server, beside our own answers.

    pip install --target build/llama xllamacpp==2026.10.11549
    PYTHONPATH=build/llama python benchmarks/llama_cpp.py [--count 40] [--compressor gist] [--budget 5]

The checkpoint is written as GGUF (float32), the server keeps its cache in float32, and each compressed
prompt is restored as the state of a slot. The answers must be the same tokens.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import urllib.request
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from safetensors.torch import load_file

from gisteval.compressors.spec import CompressorSpec
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model
from gisteval.models.running.decoder import DecoderModel
from gisteval.models.running.exported import exported
from gisteval.models.running.slot_file import slot_file
from gisteval.records.budget import Budget
from gisteval.tasks import load_task

CHECKPOINT = Path(__file__).resolve().parents[1] / "checkpoints" / "wordplay-llama" / "gist-5"
NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "mlp.down_proj": "ffn_down",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
}
WHOLE = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
}
NEW_TOKENS = 24


def write_gguf(checkpoint: Path, file: Path) -> None:
    """A Llama checkpoint with a byte-level BPE as GGUF."""
    config = json.loads((checkpoint / "config.json").read_text())
    tokenizer = json.loads((checkpoint / "tokenizer.json").read_text())
    heads, size = config["num_attention_heads"], config["head_dim"]
    writer = gguf.GGUFWriter(file, "llama")
    writer.add_context_length(config["max_position_embeddings"])
    writer.add_embedding_length(config["hidden_size"])
    writer.add_block_count(config["num_hidden_layers"])
    writer.add_feed_forward_length(config["intermediate_size"])
    writer.add_head_count(heads)
    writer.add_head_count_kv(config["num_key_value_heads"])
    writer.add_layer_norm_rms_eps(config["rms_norm_eps"])
    writer.add_rope_freq_base(config["rope_parameters"]["rope_theta"])
    writer.add_rope_dimension_count(size)
    writer.add_key_length(size)
    writer.add_value_length(size)
    tokens = dict(enumerate([""] * config["vocab_size"]))
    tokens |= {number: text for text, number in tokenizer["model"]["vocab"].items()}
    special = {entry["id"]: entry["content"] for entry in tokenizer["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(list((tokens | special).values()))
    writer.add_token_types([3 if number in special else 1 for number in tokens])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_eos_token_id(config["eos_token_id"])
    writer.add_add_bos_token(False)
    for name, tensor in load_file(checkpoint / "model.safetensors").items():
        stem, values = name.removesuffix(".weight"), tensor.float().numpy()
        if stem in WHOLE:
            target = WHOLE[stem]
        else:
            _, _, layer, part = stem.split(".", 3)
            target = f"blk.{layer}.{NAMES[part]}"
            if part in ("self_attn.q_proj", "self_attn.k_proj"):
                rows = values.reshape(heads, 2, -1, values.shape[1])
                values = rows.swapaxes(1, 2).reshape(values.shape)
        writer.add_tensor(f"{target}.weight", np.ascontiguousarray(values, dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def start_server(model: Path, slots: Path) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(model)
    params.n_ctx, params.n_parallel, params.warmup, params.n_gpu_layers = 512, 1, False, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.slot_save_path, params.cache_ram_mib = f"{slots}/", 0
    params.cache_type_k = params.cache_type_v = xllamacpp.ggml_type.GGML_TYPE_F32
    return xllamacpp.Server(params)


def post(url: str, body: dict[str, object]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--compressor", default="gist")
    parser.add_argument("--budget")
    given = parser.parse_args()
    ours = load_model(inspect_checkpoint(CHECKPOINT), torch.device("cpu"), torch.float32)
    assert isinstance(ours, DecoderModel)
    method = CompressorSpec.parse(given.compressor).build()
    budget = Budget.parse(given.budget) if given.budget else None
    examples = list(load_task("wordplay").examples("human", given.count))
    with tempfile.TemporaryDirectory() as folder:
        slots = Path(folder)
        write_gguf(CHECKPOINT, slots / "model.gguf")
        server = start_server(slots / "model.gguf", slots)
        equal = cached = 0
        for example in examples:
            (compressed,) = method.compress(ours, [example.instruction], budget)
            (inputs,) = ours.tokens.continuations([example.input])
            (answer,) = ours.run([compressed], [inputs]).decode(NEW_TOKENS)
            prefix = exported(ours, compressed)
            (slots / "slot.bin").write_bytes(slot_file(prefix, "llama", 0))
            post(f"{server.listening_address}/slots/0?action=restore", {"filename": "slot.bin"})
            body = {
                "prompt": [0] * prefix.slots + inputs,
                "n_predict": NEW_TOKENS,
                "temperature": 0,
                "cache_prompt": True,
                "return_tokens": True,
                "id_slot": 0,
                "logit_bias": [[number, False] for number in ours.suppressed_ids],
            }
            reply = post(f"{server.listening_address}/completion", body)
            tokens = [token for token in reply["tokens"] if token not in ours.end_ids]
            equal += tokens == list(answer.token_ids)
            cached += reply["timings"]["cache_n"] == prefix.slots
    print(f"{given.compressor}: {equal} of {len(examples)} answers are the same tokens")
    print(f"{cached} of {len(examples)} requests read their prefix from the restored slot")


if __name__ == "__main__":
    main()
