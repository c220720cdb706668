"""Time and memory of compressing one long prompt, on random weights of the demo Llama's shape or a model.

    python benchmarks/long_prefill.py --compressor full --tokens 32768
    python benchmarks/long_prefill.py --compressor keydiff --tokens 2048 --model smollm2
    python benchmarks/long_prefill.py --compressor keydiff --tokens 8192 --window 1024 --attention eager

Each call measures one prompt in a process of its own, since a process's peak of memory never falls. The
context of random weights is 40,960 tokens. Float32, one thread. docs/long-prompts.md has the figures.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path
from typing import Any

import torch
from generation import load
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, MistralConfig

from gisteval.compressors.eviction.base import Eviction, evicted
from gisteval.compressors.spec import build_compressor
from gisteval.models.checkpoints.loading import ADAPTERS, resolve
from gisteval.models.running.architecture import architecture_of
from gisteval.models.text.tokens import PromptTokenizer

DEMO = Path(__file__).resolve().parents[1] / "checkpoints" / "wordplay-llama" / "gist-1"
CONTEXT = 40_960
SHARE = 4
"""An evictor keeps one slot in so many."""


def demo_shape(window: int | None, attention: str) -> Any:
    """A PromptModel of the demo's sizes with random weights and a long context, a Mistral by its window."""
    tokenizer = AutoTokenizer.from_pretrained(DEMO)
    sizes = LlamaConfig.from_pretrained(DEMO, max_position_embeddings=CONTEXT)
    if window is not None:
        known = {name: value for name, value in sizes.to_dict().items() if name != "model_type"}
        sizes = MistralConfig(**{**known, "sliding_window": window})
    network = AutoModelForCausalLM.from_config(sizes, attn_implementation=attention).eval()
    architecture = architecture_of({"model_type": sizes.model_type}, "random")
    tokens = PromptTokenizer(tokenizer, architecture.template, 0, architecture.closes_input)
    return ADAPTERS[architecture](network, tokens)


def peak() -> float:
    """The process's peak of memory so far, in GB (Linux counts kB)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compressor", default="full")
    parser.add_argument("--tokens", type=int, default=32_768)
    parser.add_argument("--model", help="A checkpoint in place of the random weights.")
    parser.add_argument("--window", type=int, help="Of the random weights: tokens that each layer sees.")
    parser.add_argument("--attention", choices=("sdpa", "eager"), default="sdpa")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.model is None:
        model = demo_shape(arguments.window, arguments.attention)
    else:
        model = load(Path(resolve(arguments.model)))
    method = build_compressor(arguments.compressor)
    draw = torch.Generator().manual_seed(0)
    ids = torch.randint(10, 1500, (arguments.tokens,), generator=draw).tolist()
    before, wall, used = peak(), time.perf_counter(), time.process_time()
    if isinstance(method, Eviction):
        evicted(model, [ids], [len(ids) // SHARE], method.select)
    else:
        model.whole([ids])
    print(
        f"{arguments.compressor}, {arguments.tokens:,} tokens: {time.process_time() - used:.1f} s of CPU, "
        f"{time.perf_counter() - wall:.1f} s, {before:.2f} GB before, {peak():.2f} GB at most"
    )


if __name__ == "__main__":
    main()
