"""A judge in this process: tiny and random, so its replies must arrive and be no verdicts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from chat_models import TEMPLATE, write_chat_model
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from gisteval.records.run_folder import RunFolder

OUTPUTS = {"pos": ["ref 0", "ref 1"], "gist-1": ["ref 0", "yes no"]}


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory, tiny_tokenizer) -> Path:
    """A folder with a random chat model."""
    return write_chat_model(tmp_path_factory.mktemp("chat") / "tiny-chat", tiny_tokenizer)


def test_a_judge_in_this_process(chat_model, make_run, refused) -> None:
    run = make_run(OUTPUTS)
    line = refused("judge", run, "--judge", "local", "--model", chat_model, code=4)
    assert "0 failed, 2 cut at the token limit, 0 unreadable" in line
    kept = list(RunFolder.open(run).read_verdicts("local:tiny-chat", "gist-1", "test"))
    asked = [v for v in kept if v.reply is not None]
    assert len(asked) == 4 and all(v.prompt_tokens > 300 and v.completion_tokens > 0 for v in asked)
    assert asked[0].reply == asked[2].reply
    assert {v.finish_reason for v in asked} == {"length"}


def test_parameters_of_a_judge_in_this_process(chat_model, make_run, refused) -> None:
    run = make_run(OUTPUTS)
    local = ("judge", run, "--judge", "local", "--model", chat_model)
    refused(*local, "--judge-param", "max_new_tokens=3", code=4)
    kept = list(RunFolder.open(run).read_verdicts("local:tiny-chat", "gist-1", "test"))
    assert {v.completion_tokens for v in kept if v.reply is not None} == {3}
    assert "has no parameter temperature" in refused(*local, "--judge-param", "temperature=0")
    for value in ("many", "0", ""):
        line = refused(*local, "--judge-param", f"max_new_tokens={value}")
        assert "max_new_tokens must be a whole number from 1" in line


@pytest.mark.parametrize("opens", [False, True])
def test_a_local_judge_whose_tags_are_special_tokens(
    chat_model, make_run, refused, gisteval, tmp_path, opens: bool
) -> None:
    """A head made by hand: after anything it says </think>, then A, then the end; or, opened, only A."""
    folder = tmp_path / "thinker"
    tokenizer = AutoTokenizer.from_pretrained(chat_model)
    tokenizer.add_special_tokens(
        {"additional_special_tokens": ["<think>", "</think>"]}, replace_extra_special_tokens=False
    )
    tokenizer.chat_template = TEMPLATE + ("<think>\n" if opens else "")
    shutil.copytree(chat_model, folder)
    tokenizer.save_pretrained(folder)
    close, letter = tokenizer.convert_tokens_to_ids(["</think>", "A"])
    size = len(tokenizer)
    weights = load_file(folder / "model.safetensors")
    for name in weights:
        if "layers" in name and "layernorm" not in name:
            weights[name] = torch.zeros_like(weights[name])
    table, head = torch.zeros(size, 16), torch.zeros(size, 16)
    table[:, 0] = 1.0
    table[close], table[letter] = torch.eye(16)[1], torch.eye(16)[2]
    head[letter if opens else close, 0] = head[letter, 1] = head[tokenizer.eos_token_id, 2] = 1.0
    weights |= {"model.embed_tokens.weight": table, "lm_head.weight": head}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": size}))
    run = make_run(OUTPUTS)
    command = ("judge", run, "--judge", "local", "--model", folder)
    outcome = gisteval(*command)
    kept = [v for v in RunFolder.open(run).read_verdicts("local:thinker", "gist-1", "test") if v.reply]
    if opens:  # it never closes the thought: its A is no answer
        assert outcome.code == 4
        assert {(v.reply, v.choice) for v in kept} == {("<think>A", "invalid")}
        assert {v.error for v in kept} == {"ended inside its thought"}
    else:
        assert outcome.code == 0, outcome.err
        assert {v.reply for v in kept} == {"</think>A"}
        assert {v.choice for v in kept if v.order == "ab"} == {"a"}


def test_a_model_without_a_chat_template_is_no_judge(tiny_suite, make_run, refused) -> None:
    line = refused("judge", make_run(OUTPUTS), "--judge", "local", "--model", tiny_suite / "gist-1")
    assert "has no chat template: a judge needs a chat model" in line
