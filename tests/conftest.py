"""Shared inputs of the tests: the released data where it is there, tiny models and suites made here."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# Tiny matrices are multiplied fastest by one thread; read when torch is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# The same inputs in every run on every machine: a failure is of the change, not of the draw.
settings.register_profile("any-machine", deadline=None, derandomize=True)
settings.load_profile("any-machine")

# A background job of a shell ignores interrupts, and so would the programs that the tests start and stop.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

pytest_plugins = ["command_fixtures"]
"""In tests/fixtures: commands as a shell would call them, and runs to call them on."""

SHARED_DATA_VARIABLE = "GISTEVAL_SHARED_DATA"

TINY_TEXT = [
    "Instruction: say the first word twice\n",
    "\nInput: cats, dogs and worlds\nOutput: yes no maybe",
] * 3


@pytest.fixture(scope="session", autouse=True)
def without_figures() -> Iterator[None]:
    """Reports of runs made in tests have no figures, which take seconds; tests/report draws them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gisteval.report.build.can_draw", lambda: False)
        yield


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with paper/, alpaca_plus/ and p3/; tests that need it are skipped where it is absent."""
    value = os.environ.get(SHARED_DATA_VARIABLE)
    if not value:
        pytest.skip(f"{SHARED_DATA_VARIABLE} is not set: the released data is not here")
    path = Path(value)
    if not path.is_dir():
        pytest.skip(f"{SHARED_DATA_VARIABLE} names {path}, which does not exist")
    return path


@pytest.fixture(scope="session")
def tiny_tokenizer():
    """A byte-level BPE of about 300 entries with `<GIST>`, end and padding tokens."""
    from gisteval.training.tokenizer import train_tokenizer

    return train_tokenizer(TINY_TEXT, 300)


@pytest.fixture(scope="session")
def chat_tokenizer(tiny_tokenizer) -> Callable[..., object]:
    """Makes the tiny tokenizer with the marks of ChatML as special tokens: chat_tokenizer(template)."""
    import copy

    marks = ["<|im_start|>", "<|im_end|>"]

    def make(template: str | None):
        tokenizer = copy.deepcopy(tiny_tokenizer)
        tokenizer.add_special_tokens(
            {"additional_special_tokens": marks}, replace_extra_special_tokens=False
        )
        tokenizer.chat_template = template
        return tokenizer

    return make


@pytest.fixture(scope="session")
def tiny_network(tiny_tokenizer) -> Callable[..., object]:
    """Makes a random stock model: tiny_network("llama"|"gpt2"|"t5"|..., attention="sdpa", width=32)."""
    import torch
    from transformers import (
        AutoModelForCausalLM,
        AutoModelForSeq2SeqLM,
        GPT2Config,
        LlamaConfig,
        MistralConfig,
        MT5Config,
        Qwen2Config,
        T5Config,
        UMT5Config,
    )

    size = len(tiny_tokenizer)
    grouped = {
        "vocab_size": size,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "bos_token_id": None,
        "eos_token_id": tiny_tokenizer.eos_token_id,
        "pad_token_id": tiny_tokenizer.pad_token_id,
    }
    gpt2 = {
        "vocab_size": size,
        "n_embd": 32,
        "n_layer": 3,
        "n_head": 4,
        "n_positions": 256,
        "bos_token_id": None,
        "eos_token_id": tiny_tokenizer.eos_token_id,
    }
    # Buckets for few distances, and fewer decoder than encoder layers, so that a mix-up shows.
    t5 = {
        "vocab_size": size,
        "d_model": 32,
        "d_kv": 8,
        "d_ff": 64,
        "num_layers": 3,
        "num_decoder_layers": 2,
        "num_heads": 4,
        "relative_attention_max_distance": 20,
        "feed_forward_proj": "gated-gelu",
        "initializer_factor": 0.35,
        "eos_token_id": tiny_tokenizer.eos_token_id,
        "pad_token_id": tiny_tokenizer.pad_token_id,
        "decoder_start_token_id": tiny_tokenizer.pad_token_id,
    }
    configs = {
        "llama": (LlamaConfig, grouped),
        "mistral": (MistralConfig, grouped),
        "qwen2": (Qwen2Config, grouped),
        "gpt2": (GPT2Config, gpt2),
        "t5": (T5Config, t5),
        "mt5": (MT5Config, t5),
        "umt5": (UMT5Config, t5),
    }
    widths = ("hidden_size", "intermediate_size", "n_embd", "d_model", "d_kv", "d_ff")

    def make(name: str, attention: str = "sdpa", seed: int = 0, width: int = 32):
        torch.manual_seed(seed)
        kind, settings = configs[name]
        wide = {part: settings[part] * width // 32 for part in widths if part in settings}
        config = kind(**{**settings, **wide})
        kind = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
        model = kind.from_config(config, attn_implementation=attention).eval()
        # Larger weights than the initial ones, so that attention is far from uniform and a wrong
        # mask or position shows.
        with torch.no_grad():
            for weight in model.parameters():
                if weight.dim() > 1:
                    weight.mul_(3)
            if config.is_encoder_decoder:  # else T5 repeats the token it is fed
                model.shared.weight.mul_(0.03)
        return model

    return make


@pytest.fixture(scope="session")
def write_suite(tmp_path_factory, tiny_network, tiny_tokenizer) -> Callable[[str], Path]:
    """Writes a folder of random checkpoints gist-1, gist-3, pos_control and neg_control of one network."""
    from gisteval.models.checkpoints.checkpoint import GistRecord
    from gisteval.models.checkpoints.loading import save_checkpoint
    from gisteval.models.running.architecture import architecture_of

    def write(network: str) -> Path:
        folder = tmp_path_factory.mktemp(f"{network}-suite")
        template = architecture_of({"model_type": network}, "test").template
        members = [("gist-1", "gist", 1), ("gist-3", "gist", 3)]
        members += [("pos_control", "pos_control", 1), ("neg_control", "neg_control", 1)]
        for seed, (name, condition, k) in enumerate(members):
            training = {"recipe": {"condition": condition, "k": k, "steps": 0}}
            record = GistRecord("tiny", condition, k, template, training=training)
            save_checkpoint(folder / name, tiny_network(network, seed=seed), tiny_tokenizer, record)
        return folder

    return write


@pytest.fixture(scope="session")
def tiny_suite(write_suite) -> Path:
    """A suite of Llamas. Don't change it."""
    return write_suite("llama")


@pytest.fixture(scope="session")
def t5_suite(write_suite) -> Path:
    """A suite of T5s. Don't change it."""
    return write_suite("t5")


@pytest.fixture(scope="session")
def tiny_task(tmp_path_factory) -> Path:
    """A task folder with one split "test" of 24 examples over 8 instructions of different lengths."""
    folder = tmp_path_factory.mktemp("tiny-task")
    lines = []
    for number in range(24):
        words = " ".join(["say", "the", "first", "word", "twice", "or", "maybe", "no"][: 1 + number % 8])
        text = "" if number % 5 == 0 else ", ".join(["cats", "dogs", "worlds"][: 1 + number % 3])
        lines.append({"instruction": words, "input": text, "output": f"yes {number}"})
    (folder / "test.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (folder / "task.yaml").write_text(
        "name: tiny\nversion: 1\ndescription: for tests\nlicense: Apache-2.0\nmax_new_tokens: 6\n"
        "splits: {test: {file: test.jsonl}}\n"
    )
    return folder


@pytest.fixture(scope="session")
def tiny_model(tiny_network, tiny_tokenizer) -> Callable[..., object]:
    """Makes a PromptModel: tiny_model("llama", k=1, attention="sdpa"). Don't change it."""
    from functools import cache

    import torch

    from gisteval.models.checkpoints.loading import ADAPTERS
    from gisteval.models.running.architecture import architecture_of
    from gisteval.models.text.tokens import PromptTokenizer

    @cache
    def network(name: str, attention: str):
        model = tiny_network(name, attention)
        with torch.no_grad():  # greedy answers that vary from token to token
            for weight in model.parameters():
                if weight.dim() > 1:
                    weight.mul_(3)
        return model

    @cache
    def make(name: str = "llama", k: int = 1, attention: str = "sdpa"):
        architecture = architecture_of({"model_type": name}, "test")
        tokens = PromptTokenizer(tiny_tokenizer, architecture.template, k, architecture.closes_input)
        return ADAPTERS[architecture](network(name, attention), tokens)

    return make


@pytest.fixture(scope="session")
def uncached_greedy() -> Callable[..., list[list[int]]]:
    """Greedy tokens (end token included) by repeated whole forward passes under a mask, no cache."""

    def run(model, prompts, continuations, rule, count: int) -> list[list[int]]:
        produced: list[list[int]] = [[] for _ in prompts]
        for _ in range(count):
            found = model.predictions(prompts, continuations, produced, rule)
            for row, logits in enumerate(found):
                scores = logits[-1].clone()
                scores[model.suppressed_ids] = float("-inf")
                if not model.end_ids & set(produced[row]):
                    produced[row].append(int(scores.argmax()))
        return produced

    return run


class ChatServer:
    """An OpenAI-compatible server on loopback that answers as a test tells it to.

    answer: (number of the request, its body) -> a reply's text, or a dict of what to do instead: status,
    headers, body (bytes as they are sent), wait (seconds), cut (the connection, after so many bytes),
    finish (the finish_reason of a reply).
    """

    def __init__(self) -> None:
        import threading
        from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

        self.requests: list[dict] = []
        self.keys: list[str] = []
        self.answer: Callable[[int, dict], str | dict] = lambda number, body: (
            '{"reason": "", "choice": "A"}'
        )
        self.busy = self.busiest = 0
        lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: object) -> None:
                pass

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with lock:
                    number = len(outer.requests)
                    outer.requests.append(body)
                    outer.keys.append(self.headers["authorization"])
                    outer.busy += 1
                    outer.busiest = max(outer.busy, outer.busiest)
                try:
                    self.respond(outer.answer(number, body))
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with lock:
                        outer.busy -= 1

            def respond(self, answer: str | dict) -> None:
                plan = {"reply": answer} if isinstance(answer, str) else answer
                time.sleep(plan.get("wait", 0))
                content = plan.get("body")
                if content is None:
                    usage = {"prompt_tokens": 100, "completion_tokens": 10}
                    message = plan.get("message", {"role": "assistant", "content": plan.get("reply")})
                    choice = {"message": message}
                    if "finish" in plan:
                        choice["finish_reason"] = plan["finish"]
                    content = json.dumps({"choices": [choice], "usage": usage}).encode()
                self.send_response(plan.get("status", 200))
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(content)))
                for name, value in plan.get("headers", {}).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(content[: plan.get("cut")])
                self.wfile.flush()
                if "cut" in plan:
                    self.close_connection = True

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *args: object) -> None:
                """A client that hangs up is no failure of the server's, and no line of the client's."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def chat_server() -> Iterator[ChatServer]:
    """A chat server whose answers, and faults, the test decides: chat_server.answer, .url, .requests."""
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture
def judging_cache(tmp_path, monkeypatch) -> Path:
    """A cache of replies of the test's own, in place of the user's."""
    from gisteval.pipeline.judge import judge_run as judge

    path = tmp_path / "cache" / "verdicts.sqlite"
    monkeypatch.setattr(judge, "default_cache", lambda: path)
    return path
