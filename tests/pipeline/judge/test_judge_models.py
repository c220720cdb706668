"""Judging with real chat models: a real OpenAI-compatible server on loopback, and one in this process.

The model is tiny and random, so its replies say nothing; that they arrive, are kept and are not taken for
verdicts is what is tested here.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from gisteval.records.run_folder import RunFolder

OUTPUTS = {"pos": ["ref 0", "ref 1"], "gist-1": ["ref 0", "yes no"]}
TEMPLATE = "{% for m in messages %}{{ m['role'] }}: {{ m['content'] }}\n{% endfor %}assistant:"
PATIENCE = 180
"""Seconds that the server may take to start; importing torch on a busy machine is slow."""


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory, tiny_tokenizer) -> Path:
    """A folder with a random Llama that has a chat template and a context of 8,192 tokens."""
    import copy

    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.chat_template = TEMPLATE
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=8192,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    folder = tmp_path_factory.mktemp("chat") / "tiny-chat"
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def real_server(chat_model) -> Iterator[str]:
    """The address of `transformers serve` with the tiny model, stopped afterwards."""
    for module in ("fastapi", "uvicorn", "openai"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"{module} is not installed: the extra serving is not here")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).parent / "transformers"
    command = [program, "serve", chat_model, "--host", "127.0.0.1", "--port", port, "--device", "cpu"]
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(
        list(map(str, command)),
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5).close()
                break
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                assert server.poll() is None, "the server ended"
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.5)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.terminate()
        server.wait(30)


def test_a_real_server_is_asked(real_server, chat_model, make_run, refused, judging_cache) -> None:
    run = make_run(OUTPUTS)
    command = ("judge", run, "--judge", "openai", "--base-url", real_server, "--model", chat_model)
    line = refused(*command, "--timeout", 120, code=4)
    assert "0 failed, 2 cut at the token limit, 0 unreadable" in line  # random weights never end
    kept = list(RunFolder.open(run).read_verdicts(f"openai:{chat_model}", "gist-1", "test"))
    assert [v.choice for v in kept if v.reply is None] == ["tie", "tie"]
    asked = [v for v in kept if v.reply is not None]
    assert len(asked) == 4  # two orders, each of them twice
    assert all(v.choice == "invalid" and v.prompt_tokens > 300 and v.completion_tokens > 0 for v in asked)
    assert asked[0].reply == asked[2].reply  # temperature 0
    assert {(v.finish_reason, v.error) for v in asked} == {("length", "cut at the token limit")}


def test_a_model_that_a_real_server_does_not_have(real_server, make_run, refused, judging_cache) -> None:
    line = refused(
        *("judge", make_run(OUTPUTS), "--judge", "openai", "--base-url", real_server),
        *("--model", "nobody/nothing", "--retries", 0, "--concurrency", 1),
    )
    assert "refuses all requests" in line and "nobody/nothing" in line


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
    import torch
    from safetensors.torch import load_file, save_file
    from transformers import AutoTokenizer

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
