"""Part `throughput` of cuda.py: generation against peers in one process, outputs compared.

The demo's checkpoints and a Llama of a billion random weights, in float32, where outputs must be equal. The
billion also in bfloat16. Peers: stock `generate`, one example at a time on the same compressed prompt;
lm-eval's HFLM on the whole prompt at its best batch size; transformers' continuous batching on the same.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from cuda_lines import ROOT, Line, Setting, release
from cuda_shapes import random_network
from generation import MAX_NEW_TOKENS, demo_examples, hflm_runner, load, one_by_one, ours, overhead
from timing import best_times
from transformers import ContinuousBatchingConfig, GenerationConfig

from gisteval.compressors.full import Full
from gisteval.compressors.gist.gist import Gist
from gisteval.models.running.base import PromptModel
from gisteval.models.running.decoder import DecoderModel
from gisteval.profiling.shapes import describe_config
from gisteval.records.schema import Example

SUITE = ROOT / "checkpoints" / "wordplay-llama"
BILLION = {
    "model_type": "llama",
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 16,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "max_position_embeddings": 2048,
}
"""The sizes of Llama 3.2 1B, with the demo's vocabulary of 1,024."""

BATCHES = (64, 256)
SHARE_OF_MEMORY = 0.4
"""Of the free memory, what continuous batching may take for its cache."""

Runs = dict[str, Callable[[], list[str]]]


def lines(setting: Setting) -> Iterator[Line]:
    few, many = (2, 2) if setting.tiny else (32, 252)
    examples = demo_examples(many)
    demo = load(SUITE / "gist-1", setting.device)
    some = examples[:: max(1, len(examples) // few)]
    yield against(setting, "demo gist-1", demo, Gist(), some, one_at_a_time)
    control = load(SUITE / "pos_control", setting.device)
    for peers in (hflm, continuous_batching):
        yield against(setting, "demo pos_control", control, Full(), examples, peers)
    for dtype in (torch.float32,) if setting.tiny else (torch.float32, torch.bfloat16):
        release(setting)
        model = billion(setting, demo, dtype)
        for peers in () if setting.tiny else (hflm, continuous_batching):
            yield against(setting, "1B", model, Full(), examples[:many], peers)
        yield against(setting, "1B gist-1", model, Gist(), examples[: few // 2], one_at_a_time)
    limit = {"limit": 2, "splits": ("human",)} if setting.tiny else {}
    suite = SUITE / "gist-1" if setting.tiny else SUITE
    yield {"model": "demo suite", **overhead(suite, device=setting.device, judge="none", **limit)}


def billion(setting: Setting, demo: PromptModel, dtype: torch.dtype) -> PromptModel:
    """Random weights that read and end as the demo does."""
    own = demo.model.config
    sizes: dict[str, Any] = {**BILLION, "vocab_size": own.vocab_size, "eos_token_id": own.eos_token_id}
    if setting.tiny:
        sizes.update(hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4)
        sizes["num_key_value_heads"] = 2
    network = random_network(describe_config("1B", sizes), setting.place, dtype)
    return DecoderModel(network, demo.tokens)


def against(
    setting: Setting,
    name: str,
    model: PromptModel,
    compressor: Any,
    examples: Sequence[Example],
    peers: Callable[[Setting, PromptModel, Sequence[Example]], Runs],
) -> Line:
    """Our best time and the peer's at its best, in turns. The demo's texts must be equal."""
    dtype = str(model.dtype).removeprefix("torch.")
    line = {"model": name, "peer": peers.__name__, "examples": len(examples), "dtype": dtype}
    if peers is hflm and importlib.util.find_spec("lm_eval") is None:
        return {**line, "left_out": "lm-eval is not installed"}
    runs = {"ours": lambda: ours(model, compressor, examples), **peers(setting, model, examples)}
    try:
        times, results = best_times(runs, 1 if setting.tiny else 3)
    except Exception as error:  # a peer's code may raise anything, and the other peers go on
        return {**line, "left_out": f"{type(error).__name__}: {error}"[:300]}
    own = times.pop("ours")
    best = min(times, key=lambda peer: times[peer])
    equal = sum(a == b for a, b in zip(results["ours"], results[best], strict=False))
    judged = {"check": f"outputs of {name} and {best}", "ok": equal == len(examples)}
    return {
        **line,
        "peer": best,
        "seconds": own,
        "examples_a_second": len(examples) / own,
        "peer_seconds": times[best],
        "ratio": times[best] / own,
        "equal_outputs": equal,
        **(judged if name.startswith("demo") else {}),
    }


def one_at_a_time(setting: Setting, model: PromptModel, examples: Sequence[Example]) -> Runs:
    return {"stock generate, batch 1": lambda: one_by_one(model, examples)}


def hflm(setting: Setting, model: PromptModel, examples: Sequence[Example]) -> Runs:
    sizes = BATCHES[:1] if setting.tiny else BATCHES
    return {f"HFLM, batch {size}": hflm_runner(model, "pos_control", examples, size) for size in sizes}


def continuous_batching(setting: Setting, model: PromptModel, examples: Sequence[Example]) -> Runs:
    tokens = model.tokens
    prompts = tokens.prompts([example.instruction for example in examples])
    texts = tokens.continuations([example.input for example in examples])
    ends = sorted(model.end_ids)
    settings = GenerationConfig(
        max_new_tokens=MAX_NEW_TOKENS,
        do_sample=False,
        eos_token_id=ends,
        pad_token_id=0,
        suppress_tokens=model.suppressed_ids,
    )
    room = ContinuousBatchingConfig(auto_switch_to_flash=False)  # that would ask a hub for a kernel
    if setting.on_gpu:
        room.max_memory_percent = SHARE_OF_MEMORY
    else:
        room.num_blocks, room.page_size, room.max_batch_tokens, room.use_cuda_graph = 16, 32, 64, False

    def run() -> list[str]:
        found = model.model.generate_batch(
            inputs=[prompt + text for prompt, text in zip(prompts, texts, strict=True)],
            generation_config=settings,
            continuous_batching_config=room,
            warmup=setting.on_gpu,
        )
        answers = (one.generated_tokens for one in found.values())  # in the order of the inputs
        return [tokens.decode([token for token in ids if token not in ends]) for ids in answers]

    return {"continuous batching": run}
