"""Tokenizers, embeddings and adapters whose vocabularies differ: loaded as by peft, or refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from gisteval.compressors.gist.gist import Gist
from gisteval.errors import GistevalError
from gisteval.generation.selfcheck import check_cached_path
from gisteval.models.checkpoints.checkpoint import GistRecord, inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model, load_tokenizer, save_checkpoint
from gisteval.models.text.tokens import GIST_TOKEN
from gisteval.records.schema import Example

peft = pytest.importorskip("peft", reason="the extra train is not installed")

CPU = torch.device("cpu")
EXAMPLES = [
    Example(str(n), "t", "s", f"say {w}", "cats", w) for n, w in enumerate(["yes", "no no", "maybe"])
]


def logits(model, ids) -> torch.Tensor:
    with torch.inference_mode():
        return model(torch.tensor([ids])).logits


def write(folder: Path, network, tokenizer, condition="gist", k=1) -> Path:
    save_checkpoint(folder, network, tokenizer, GistRecord("tiny", condition, k))
    (folder / "gist.json").unlink()
    return folder


@pytest.fixture
def base(tiny_network, tiny_tokenizer):
    """Makes a folder with a base: base(folder, "llama") -> (folder, its tokenizer)."""

    def make(folder: Path, name: str = "llama"):
        return write(folder, tiny_network(name), tiny_tokenizer), copy.deepcopy(tiny_tokenizer)

    return make


def test_a_gist_token_without_a_row_is_refused(tiny_network, tiny_tokenizer, tmp_path):
    network = tiny_network("llama")
    network.resize_token_embeddings(len(tiny_tokenizer) - 1)
    folder = write(tmp_path / "model", network, tiny_tokenizer)
    assert tiny_tokenizer.get_vocab()[GIST_TOKEN] == len(tiny_tokenizer) - 1
    with pytest.raises(GistevalError, match=r"none of them for it: call model\.resize_token_embeddings"):
        load_model(inspect_checkpoint(folder, "gist", 1), CPU, torch.float32)
    plain = load_model(inspect_checkpoint(folder), CPU, torch.float32)  # without gists the row isn't missed
    assert plain.generate(plain.whole(plain.tokens.prompts(["say yes"])), ["cats"], 2)


@pytest.mark.parametrize("name", ["llama", "qwen2", "gpt2", "t5"])
def test_a_padding_token_beyond_the_embeddings_changes_nothing(
    tiny_network, tiny_tokenizer, tmp_path, name: str
):
    """As transformers adds one to a plain Qwen2. It is never read nor produced, so it needs no row."""
    network = tiny_network(name)
    tokenizer = copy.deepcopy(tiny_tokenizer)
    folders = [write(tmp_path / "plain", network, tokenizer)]
    tokenizer.add_special_tokens({"pad_token": "<|endoftext|>"})
    assert tokenizer.pad_token_id == network.get_input_embeddings().weight.shape[0]
    folders.append(write(tmp_path / "beyond", network, tokenizer))
    found = []
    for folder in folders:
        model = load_model(inspect_checkpoint(folder, "gist", 1), CPU, torch.float32)
        assert check_cached_path(model, Gist(), None, EXAMPLES).max_nll_difference < 1e-4
        prompts = Gist().compress(model, [e.instruction for e in EXAMPLES], None)
        found.append(model.score(prompts, [e.input for e in EXAMPLES], [e.output for e in EXAMPLES]))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_a_token_of_a_text_without_a_row_is_named(tiny_network, tiny_tokenizer, tmp_path):
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.add_tokens(["zebra"])
    model = load_model(
        inspect_checkpoint(write(tmp_path / "model", tiny_network("llama"), tokenizer)), CPU, torch.float32
    )
    with pytest.raises(
        GistevalError, match=r"a token 'zebra' \(id \d+\), but the model's embedding has only"
    ):
        model.tokens.prompts(["say zebra"])


@pytest.mark.parametrize("name", ["llama", "gpt2"])
@pytest.mark.parametrize("rows", ["two new tokens", "padded", "fewer"])
def test_a_lora_over_another_vocabulary_is_what_peft_makes_of_it(
    base, tiny_network, tmp_path, name: str, rows: str
):
    folder, tokenizer = base(tmp_path / "base", name)
    old = len(tokenizer)
    if rows == "two new tokens":
        tokenizer.add_tokens(["<A>", "<B>"])
    if rows == "fewer":  # the base is padded, and training cut it to the tokenizer
        padded = tiny_network(name)
        padded.resize_token_embeddings(old + 8)
        padded.save_pretrained(folder)
    size = {"two new tokens": old + 2, "padded": (old // 64 + 1) * 64, "fewer": old}[rows]
    torch.manual_seed(1)
    network = type(tiny_network(name)).from_pretrained(folder)
    network.resize_token_embeddings(size)
    tables = ["embed_tokens", "lm_head"] if name == "llama" else ["wte"]
    config = peft.LoraConfig(
        task_type="CAUSAL_LM",
        r=2,
        target_modules=["q_proj"] if name == "llama" else ["c_attn"],
        modules_to_save=tables,
        init_lora_weights=False,
    )
    trained = peft.get_peft_model(network, config)
    with torch.no_grad():
        for part, weight in trained.named_parameters():
            if "modules_to_save" in part:
                weight.add_(torch.randn_like(weight) * 0.1)
    trained.eval().save_pretrained(tmp_path / "adapter", safe_serialization=rows != "padded")
    tokenizer.save_pretrained(tmp_path / "adapter")
    # peft itself, after a resize of the base
    stock = type(tiny_network(name)).from_pretrained(folder)
    stock.resize_token_embeddings(size)
    expected = peft.PeftModel.from_pretrained(stock, tmp_path / "adapter").eval()
    checkpoint = inspect_checkpoint(tmp_path / "adapter", allow_pickle=True, base=folder)
    loaded = load_model(checkpoint, CPU, torch.float32)
    assert loaded.model.get_input_embeddings().weight.shape[0] == size
    ids = [5, size - 1, 7, 9]
    assert torch.allclose(logits(loaded.model, ids), logits(expected, ids), atol=1e-4)
    assert torch.allclose(logits(loaded.model, ids), logits(trained, ids), atol=1e-4)


def test_a_lora_of_the_embedding_over_new_tokens_is_loaded(base, tiny_network, tmp_path):
    folder, tokenizer = base(tmp_path / "base")
    network = tiny_network("llama")
    network.resize_token_embeddings(len(tokenizer) + 2)
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", r=2, target_modules=["embed_tokens", "lm_head"], init_lora_weights=False
    )
    trained = peft.get_peft_model(network, config).eval()
    trained.save_pretrained(tmp_path / "adapter", save_embedding_layers=True)
    tokenizer.save_pretrained(tmp_path / "adapter")
    loaded = load_model(inspect_checkpoint(tmp_path / "adapter", base=folder), CPU, torch.float32)
    ids = [5, len(tokenizer) + 1, 7]
    assert torch.allclose(logits(loaded.model, ids), logits(trained, ids), atol=1e-4)


def test_tensors_of_two_vocabularies_are_refused(base, tiny_network, tmp_path):
    folder, tokenizer = base(tmp_path / "base")
    config = peft.LoraConfig(
        task_type="CAUSAL_LM", r=2, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"]
    )
    peft.get_peft_model(tiny_network("llama"), config).save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    file = tmp_path / "adapter" / "adapter_model.safetensors"
    tensors = load_file(file)
    name = next(name for name in tensors if "embed_tokens" in name)
    save_file({**tensors, name: tensors[name][:-1].contiguous()}, file)
    with pytest.raises(GistevalError, match="disagree about the vocabulary"):
        load_model(inspect_checkpoint(tmp_path / "adapter", base=folder), CPU, torch.float32)


def test_an_adapter_without_a_row_for_its_gist_token_is_refused(base, tiny_network, tmp_path):
    folder, tokenizer = base(tmp_path / "base")
    network = tiny_network("llama")
    network.resize_token_embeddings(len(tokenizer) - 1)
    network.save_pretrained(folder)
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"])
    peft.get_peft_model(network, config).save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    checkpoint = inspect_checkpoint(tmp_path / "adapter", "gist", 1, base=folder)
    with pytest.raises(GistevalError, match="neither the adapter nor its base has a row for <GIST>"):
        load_model(checkpoint, CPU, torch.float32)


MERGED = {
    "ia3": lambda: peft.IA3Config(
        task_type="CAUSAL_LM",
        target_modules=["k_proj", "down_proj"],
        feedforward_modules=["down_proj"],
        init_ia3_weights=False,
    ),
    "loha": lambda: peft.LoHaConfig(
        task_type="CAUSAL_LM", target_modules=["q_proj"], r=2, init_weights=False
    ),
    "dora": lambda: peft.LoraConfig(
        task_type="CAUSAL_LM", target_modules=["q_proj"], r=2, use_dora=True, init_lora_weights=False
    ),
    "ln": lambda: peft.LNTuningConfig(task_type="CAUSAL_LM"),
}


@pytest.mark.parametrize("kind", MERGED)
def test_other_kinds_that_change_weights_are_merged(base, tiny_network, tmp_path, kind: str):
    folder, tokenizer = base(tmp_path / "base")
    torch.manual_seed(2)
    trained = peft.get_peft_model(tiny_network("llama"), MERGED[kind]()).eval()
    with torch.no_grad():
        for weight in (w for w in trained.parameters() if w.requires_grad):
            weight.add_(torch.randn_like(weight) * 0.1)
    trained.save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    loaded = load_model(inspect_checkpoint(tmp_path / "adapter", base=folder), CPU, torch.float32)
    ids = [5, 6, 7]
    assert torch.allclose(logits(loaded.model, ids), logits(trained, ids), atol=1e-4)
    assert not torch.allclose(logits(loaded.model, ids), logits(tiny_network("llama"), ids), atol=1e-4)


SOFT = {
    "PROMPT_TUNING": lambda: peft.PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
    "PREFIX_TUNING": lambda: peft.PrefixTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=4),
    "P_TUNING": lambda: peft.PromptEncoderConfig(
        task_type="CAUSAL_LM", num_virtual_tokens=4, encoder_hidden_size=8
    ),
    "ADAPTION_PROMPT": lambda: peft.AdaptionPromptConfig(
        task_type="CAUSAL_LM", adapter_len=4, adapter_layers=2
    ),
}


@pytest.mark.parametrize("kind", SOFT)
def test_soft_prompts_are_refused_before_the_base_is_looked_for(base, tiny_network, tmp_path, kind: str):
    _, tokenizer = base(tmp_path / "base")
    peft.get_peft_model(tiny_network("llama"), SOFT[kind]()).save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    with pytest.raises(GistevalError, match=f"is a {kind} adapter: a soft prompt has nothing to merge"):
        inspect_checkpoint(tmp_path / "adapter")


def test_a_kind_that_cannot_be_merged_is_one_line(base, tiny_network, tmp_path):
    folder, tokenizer = base(tmp_path / "base")
    config = peft.PolyConfig(task_type="CAUSAL_LM", target_modules=["q_proj"], r=2, n_tasks=1, n_skills=2)
    peft.get_peft_model(tiny_network("llama"), config).save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    with pytest.raises(GistevalError, match="an adapter of the kind POLY can't be merged"):
        load_model(inspect_checkpoint(tmp_path / "adapter", base=folder), CPU, torch.float32)


@pytest.mark.parametrize("kind", ["NOT_A_KIND", None])
def test_an_unknown_kind_is_one_line(base, tiny_network, tmp_path, kind):
    folder, tokenizer = base(tmp_path / "base")
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"])
    peft.get_peft_model(tiny_network("llama"), config).save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    file = tmp_path / "adapter" / "adapter_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "peft_type": kind}))
    with pytest.raises(GistevalError, match=r"the adapter can't be loaded|names no peft_type"):
        load_model(inspect_checkpoint(tmp_path / "adapter", base=folder), CPU, torch.float32)


def test_the_tokenizer_of_the_adapter_comes_first(base, tiny_network, tmp_path):
    folder, tokenizer = base(tmp_path / "base")
    tokenizer.add_tokens(["<A>"])
    config = peft.LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"])
    peft.get_peft_model(tiny_network("llama"), config).save_pretrained(tmp_path / "adapter")
    tokenizer.save_pretrained(tmp_path / "adapter")
    found = load_tokenizer(inspect_checkpoint(tmp_path / "adapter", base=folder))
    assert "<A>" in found.get_vocab()
