"""Part `batches` of cuda.py: what table 3 does not show, on LLaMA-7B by shape with random weights.

Batches of rows with different prompts, prompts of 512 to 8,192 tokens, 32 tokens of input and 32 decoded
ones. Each time stands beside the least that this card's own matrix product and copy allow (the roofline).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from time import monotonic
from typing import Any

import torch
from cuda_lines import Line, Setting, release
from cuda_shapes import filled, random_network, shape_of, token_ids

from gisteval.models.running.cache import GrowingCache
from gisteval.profiling.roofline import measure_machine
from gisteval.profiling.timing import Stopwatch
from gisteval.profiling.whatif import GIST, NO_CACHE, WHOLE_CACHE, Machine, Scenario, ServingCost, what_if

INPUT, OUTPUT, K = 32, 32, 1
BATCHES = (8, 32, 128)
PROMPTS = (512, 2048, 8192)
REPETITIONS = 3
MODES = (GIST, WHOLE_CACHE, NO_CACHE)
FREE_SHARE = 0.9
"""Of the memory beside the weights, how much caches may take."""

SLOWEST = 2.0
"""Seconds that a pass may take by the roofline; what is slower is left out."""


@dataclass(frozen=True)
class Spans:
    """Seconds of one use."""

    prefill: float
    decode: float

    @property
    def total(self) -> float:
        return self.prefill + self.decode


def lines(setting: Setting) -> Iterator[Line]:
    until = monotonic() + setting.seconds
    dtype = torch.bfloat16
    found = measure_machine(setting.place, dtype)
    machine = Machine(found.device, found.flops_per_second, found.bytes_per_second)
    yield {
        "roofline": True,
        "flops_per_second": found.flops_per_second,
        "bytes_per_second": found.bytes_per_second,
        "dtype": found.dtype,
        "matrix_size": found.matrix_size,
    }
    release(setting)
    shape = shape_of("llama-7b", setting)
    network = random_network(shape, setting.place, dtype)
    for prompt in (16,) if setting.tiny else PROMPTS:
        for batch in (2,) if setting.tiny else BATCHES:
            scenario = Scenario(prompt, K, INPUT, OUTPUT, batch, dtype.itemsize)
            bounds = what_if(shape, scenario, machine)
            for name in MODES:
                if monotonic() > until:
                    return
                yield mode_line(setting, network, scenario, bounds.mode(name))
                release(setting)


def mode_line(setting: Setting, network: Any, scenario: Scenario, bound: ServingCost) -> Line:
    """Median times of one serving mode, or why it was left out."""
    line = {
        "prompt": scenario.prompt_tokens,
        "batch": scenario.batch,
        "mode": bound.name,
        "bound_seconds": bound.seconds.each,
        "cache_bytes": bound.batch_bytes,
        "gflops_a_row": bound.flops.each / 1e9,
    }
    if bound.batch_bytes > FREE_SHARE * free_bytes(setting):
        return {**line, "left_out": "its cache does not fit"}
    if bound.seconds.each > SLOWEST:
        return {**line, "left_out": f"takes {bound.seconds.each:.0f} s at least"}
    slots = {NO_CACHE: 0, WHOLE_CACHE: scenario.prompt_tokens, GIST: K}[bound.name]
    tokens = scenario.input_tokens + (scenario.prompt_tokens if bound.name == NO_CACHE else 0)
    try:
        spans = [use(setting, network, scenario, slots, tokens) for _ in range(REPETITIONS + 1)][1:]
    except torch.OutOfMemoryError:
        return {**line, "left_out": "out of memory"}
    total = median(span.total for span in spans)
    return {
        **line,
        "prefill_seconds": median(span.prefill for span in spans),
        "decode_seconds": median(span.decode for span in spans),
        "seconds": total,
        "roofline_share": bound.seconds.each / total,
    }


@torch.inference_mode()
def use(setting: Setting, network: Any, scenario: Scenario, slots: int, tokens: int) -> Spans:
    """Prefill the tokens behind the slots, which gives the first output token, and decode the others.

    The cache grows in place, as in a run: stock's copies itself at every token.
    """
    rows, config = scenario.batch, network.config
    cache = filled(GrowingCache(config.num_hidden_layers), network, rows, slots)
    ids, watch = token_ids(rows, tokens, network), Stopwatch(setting.place)
    watch.mark()
    for step in range(scenario.output_tokens):
        logits = network(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1).logits
        ids = logits[:, -1:].argmax(-1)
        if step == 0:
            watch.mark()
    watch.mark()
    return Spans(*watch.seconds())


def free_bytes(setting: Setting) -> float:
    return torch.cuda.mem_get_info(setting.place)[0] if setting.on_gpu else float("inf")
