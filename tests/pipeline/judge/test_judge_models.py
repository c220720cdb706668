"""Judging with a real OpenAI-compatible server on loopback.

The model is tiny and random, so its replies say nothing; that they arrive, are kept and are not taken for
verdicts is what is tested here.
"""

from __future__ import annotations

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from chat_models import write_chat_model

from gisteval.records.run_folder import RunFolder

OUTPUTS = {"pos": ["ref 0", "ref 1"], "gist-1": ["ref 0", "yes no"]}
PATIENCE = 180
"""Seconds that the server may take to start; importing torch on a busy machine is slow."""


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory, tiny_tokenizer) -> Path:
    """A folder with a random chat model."""
    return write_chat_model(tmp_path_factory.mktemp("chat") / "tiny-chat", tiny_tokenizer)


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
