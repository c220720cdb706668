"""LLaMA weight differences: recovered with the right base, refused with any other."""

from __future__ import annotations

import json
import logging
import shutil

import pytest
import torch

from gisteval.errors import GistevalError
from gisteval.models.checkpoints import weight_diff
from gisteval.models.checkpoints.checkpoint import inspect_checkpoint
from gisteval.models.checkpoints.loading import load_model, load_tokenizer
from gisteval.models.checkpoints.weight_diff import is_difference, weights_sum

CPU = torch.device("cpu")


@pytest.fixture
def published(llama, monkeypatch) -> float:
    """The miniature's sum takes the place of the published one."""
    total = weights_sum(llama.tuned)
    monkeypatch.setitem(weight_diff.PUBLISHED_SUMS, "llama-7b-gist-1", total)
    monkeypatch.setattr(weight_diff, "PUBLISHED_TOLERANCE", 0.01)
    return total


def recovered(folder, base):
    return load_model(inspect_checkpoint(folder, "gist", 1, True, base), CPU, torch.float32)


def test_recovered_weights_are_the_tuned_ones(llama, published):
    model = recovered(llama.folder, llama.base)
    found, expected = dict(model.model.named_parameters()), dict(llama.tuned.named_parameters())
    assert found.keys() == expected.keys()
    assert all(torch.allclose(found[name], expected[name], atol=1e-6) for name in found)
    assert model.model.lm_head.weight.shape[0] == model.tokens.gist_id + 1
    assert weights_sum(model.model) == pytest.approx(published, abs=1e-3)


def test_the_sum_is_known_with_and_without_saved_rotary_frequencies(llama, monkeypatch):
    """transformers of the release counted LLaMA-7B's inverse frequencies as weights, ours doesn't."""
    frequencies = 10000.0 ** (-torch.arange(0, 128, 2, dtype=torch.float64) / 128)
    assert pytest.approx(32 * float(frequencies.sum())) == weight_diff.ROTARY_SUM
    total = weights_sum(llama.tuned) + weight_diff.ROTARY_SUM
    monkeypatch.setitem(weight_diff.PUBLISHED_SUMS, "llama-7b-gist-1", total)
    recovered(llama.folder, llama.base)


def test_prompts_are_tokenised_as_the_checkpoint_was_trained(llama, published):
    """Then: each text between special tokens by itself, with the white space around `<GIST>` stripped."""
    tokens = recovered(llama.folder, llama.base).tokens
    tokenizer = load_tokenizer(inspect_checkpoint(llama.base, allow_pickle=True))

    def alone(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False)["input_ids"]

    assert tokens.prompts(["say yes"]) == [[1, *alone("Instruction: say yes")]]
    assert tokens.gists == [64]
    assert tokens.continuations(["cats", ""]) == [alone("Input: cats\nOutput:"), alone("Output:")]
    assert tokens.targets(["no"]) == [[*alone("no"), 2]]
    assert tokenizer.convert_ids_to_tokens(tokens.continuations([""])[0])[0].startswith("▁")


def test_a_run_with_the_base_and_one_line_with_another(llama, published, command, tiny_task, tmp_path):
    arguments = ("run", "--model", llama.folder, "--condition", "gist", "--k", 1, "--allow-pickle")
    arguments += ("--task", tiny_task, "--limit", 4, "--judge", "none", "--json")
    code, out, err = command(*arguments, "--base", llama.base, "--output", tmp_path / "run")
    assert code == 0, err
    systems = {row["system"] for row in json.loads(out)["rows"]}
    assert "llama-7b-gist-1-gist-1" in systems
    wrong = llama.base.parent / "other-7b"
    code, out, err = command(*arguments, "--base", wrong, "--output", tmp_path / "wrong")
    assert (code, out) == (2, "")
    (line,) = [line for line in err.splitlines() if line.startswith("gisteval:")]
    assert "other-7b is the wrong base" in line
    assert f"not {published:.2f}: give the weights" in line


def test_a_base_of_another_shape_is_named(llama, tmp_path):
    shutil.copytree(llama.base, tmp_path / "narrow")
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig.from_pretrained(llama.base)
    config.intermediate_size = 48
    for file in (tmp_path / "narrow").glob("*.safetensors*"):
        file.unlink()
    LlamaForCausalLM(config).save_pretrained(tmp_path / "narrow")
    with pytest.raises(GistevalError, match=r"narrow is not the base of .*gate_proj.weight is \[48, 32\]"):
        recovered(llama.folder, tmp_path / "narrow")
    config.intermediate_size, config.num_hidden_layers = 64, 2
    LlamaForCausalLM(config).save_pretrained(tmp_path / "narrow")
    with pytest.raises(GistevalError, match=r"only one of them has the tensor model\.layers\.2"):
        recovered(llama.folder, tmp_path / "narrow")


def test_a_difference_without_its_base_is_noticed(llama):
    checkpoint = inspect_checkpoint(llama.folder, "gist", 1, allow_pickle=True)
    with pytest.raises(GistevalError, match=r"holds a weight difference.*with --base"):
        load_model(checkpoint, CPU, torch.float32)


def test_whole_weights_with_a_base_are_noticed(llama):
    checkpoint = inspect_checkpoint(llama.base, "pos_control", base=llama.base.parent / "other-7b")
    with pytest.raises(GistevalError, match="holds whole weights, not a difference of Llamas"):
        load_model(checkpoint, CPU, torch.float32)
    assert not is_difference(llama.tuned)


def test_a_sum_in_gist_json_is_checked_and_its_absence_warned_of(llama, published, tmp_path, caplog):
    shutil.copytree(llama.folder, tmp_path / "own")
    with caplog.at_level(logging.WARNING):
        recovered(tmp_path / "own", llama.base)
    assert "nothing tells whether" in caplog.text
    template = inspect_checkpoint(llama.folder, "gist", 1, True, llama.base).record.template
    record = {"format": 1, "family": "own", "condition": "gist", "k": 1, "template": template.to_dict()}
    record |= {"base": None, "leak_window": 0, "training": {"weights_sum": published}}
    (tmp_path / "own" / "gist.json").write_text(json.dumps(record))
    recovered(tmp_path / "own", llama.base)
    with pytest.raises(GistevalError, match="other-7b is the wrong base"):
        recovered(tmp_path / "own", llama.base.parent / "other-7b")


def test_the_digest_follows_the_base(llama):
    folders = (None, llama.base, llama.base.parent / "other-7b")
    digests = [inspect_checkpoint(llama.folder, "gist", 1, True, base).weights_digest() for base in folders]
    assert len(set(digests)) == 3


def test_a_missing_pickle_shard_is_named_and_pickles_need_the_flag(llama, tmp_path):
    with pytest.raises(GistevalError, match=r"holds pickle weights.*--allow-pickle"):
        inspect_checkpoint(llama.folder, "gist", 1, base=llama.base)
    shutil.copytree(llama.folder, tmp_path / "half")
    (tmp_path / "half" / "pytorch_model-00002-of-00002.bin").unlink()
    with pytest.raises(GistevalError, match=r"half-written: pytorch_model-00002-of-00002\.bin is missing"):
        inspect_checkpoint(tmp_path / "half", "gist", 1, allow_pickle=True)


def test_a_pickle_that_runs_code_is_not_run(llama, tmp_path):
    """weights_only: even an allowed pickle may only hold tensors."""

    class Hostile:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    shutil.copytree(llama.folder, tmp_path / "hostile")
    file = tmp_path / "hostile" / "pytorch_model-00001-of-00002.bin"
    torch.save({**torch.load(file, weights_only=True), "extra": Hostile()}, file)
    with pytest.raises(GistevalError, match=r"its \.bin files hold more than tensors"):
        recovered(tmp_path / "hostile", llama.base)
    assert not (tmp_path / "ran").exists()


def test_a_prompt_is_compressed_with_a_base(llama, published, command):
    arguments = ("compress", "--model", llama.folder, "--k", 1, "--prompt", "say yes", "--json")
    code, out, err = command(*arguments, "--base", llama.base, "--allow-pickle")
    assert code == 0, err
    assert json.loads(out)["kept"] == 1
