"""A GGUF file as a checkpoint, against the network it was written from."""

from __future__ import annotations

import pytest
import torch

from gisteval.compressors.gist.gist import Gist
from gisteval.masks import MaskRule
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model

gguf = pytest.importorskip("gguf")


def test_gguf_weights_are_those_of_the_checkpoint_they_were_made_from(tmp_path, tiny_network):
    network = tiny_network("llama")
    write_gguf(tmp_path / "tiny.gguf", network)
    checkpoint = inspect_checkpoint(tmp_path, k=1)
    assert checkpoint.gguf_file == "tiny.gguf"
    assert checkpoint.weight_files == [tmp_path / "tiny.gguf"]
    assert checkpoint.record.name == f"{tmp_path.name}-gist-1"
    model = load_model(checkpoint, torch.device("cpu"), torch.float32)
    assert model.tokens.gist_id == network.config.vocab_size - 1
    prompt = Gist().prompts(model, ["aba"])[0]
    with torch.inference_mode():
        expected = network(torch.tensor([prompt])).logits[0]
    found = model.masked_logits([[]], [prompt], MaskRule("pos_control"))[0]
    assert torch.allclose(found, expected, atol=1e-4)


def write_gguf(path, network) -> None:
    """A Llama as a GGUF file in float32, with a vocabulary of single characters."""
    config, size = network.config, network.config.vocab_size
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(size)
    writer.add_tokenizer_model("llama")
    tokens = ["<unk>", "<s>", "</s>", *(chr(97 + code) for code in range(size - 4)), "<GIST>"]
    writer.add_token_list(tokens)
    writer.add_token_scores([0.0] * size)
    kinds = gguf.TokenType
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL, *[kinds.NORMAL] * (size - 4), kinds.CONTROL]
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    names = {
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "lm_head": "output",
        "input_layernorm": "attn_norm",
        "post_attention_layernorm": "ffn_norm",
        "mlp.gate_proj": "ffn_gate",
        "mlp.up_proj": "ffn_up",
        "mlp.down_proj": "ffn_down",
        "self_attn.q_proj": "attn_q",
        "self_attn.k_proj": "attn_k",
        "self_attn.v_proj": "attn_v",
        "self_attn.o_proj": "attn_output",
        "model.layers": "blk",
    }
    for name, weight in network.state_dict().items():
        for heads, kind in ((config.num_attention_heads, "q_proj"), (config.num_key_value_heads, "k_proj")):
            if kind in name:  # llama.cpp interleaves the two halves of each rotary head
                weight = weight.view(heads, 2, -1, weight.shape[1]).transpose(1, 2).reshape(weight.shape)
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)
        writer.add_tensor(name, weight.contiguous().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
