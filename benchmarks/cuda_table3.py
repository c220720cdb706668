"""Part `table3` of cuda.py: one forward pass at batch 1 over the paper's human prompts, by shape.

As in the paper (arXiv 2304.08467, table 3): no generation, compression itself is not timed, bfloat16, the
output matrix on every token. A LLaMA is the stock model with its own cache. A FLAN-T5 runs encoder and one
decoder token; a whole-prompt cache does not exist there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import mean, median
from time import monotonic
from typing import Any

import torch
from cuda_lines import Line, Setting, release
from cuda_shapes import Lengths, filled, human_lengths, random_network, shape_of, token_ids
from random_models import word_tokenizer
from transformers import DynamicCache

from gisteval.models.running.compressed import EncoderState
from gisteval.models.running.encoder_decoder import EncoderDecoderModel
from gisteval.models.text.tokens import PromptTokenizer
from gisteval.profiling.closed_form import forward
from gisteval.profiling.shapes import ModelShape
from gisteval.profiling.timing import Stopwatch, clock_name, median_interval
from gisteval.prompts import Template

K = 1
WARM_UP = 5
ROUNDS = 20
Times = dict[str, list[list[float]]]
"""Seconds by mode: a list a prompt."""


def lines(setting: Setting) -> Iterator[Line]:
    began, lengths = monotonic(), human_lengths(setting)
    shares = {"llama-7b": 0.45, "flan-t5-xxl": 0.9}  # of the part's time, from its start
    for name, share in shares.items():
        shape = shape_of(name, setting)
        yield from shape_lines(setting, shape, lengths, began + share * setting.seconds)
        release(setting)


def shape_lines(setting: Setting, shape: ModelShape, lengths: Lengths, until: float) -> Iterator[Line]:
    """A line a mode after each round over all prompts; later lines replace earlier ones."""
    network = random_network(shape, setting.place, torch.bfloat16)
    passes = t5_passes if network.config.is_encoder_decoder else llama_passes
    modes = passes(network)
    for mode in modes.values():
        for row in lengths.rows[:WARM_UP]:
            seconds(setting, mode(*row))
    times: Times = {name: [[] for _ in lengths.rows] for name in modes}
    for number in range(1 if setting.tiny else ROUNDS):
        if number and monotonic() > until:
            return
        for index, row in enumerate(lengths.rows):
            order = list(modes)[index % len(modes) :] + list(modes)[: index % len(modes)]
            for name in order:
                times[name][index].append(seconds(setting, modes[name](*row)))
        yield from summary(setting, shape, lengths, times, number + 1)


def seconds(setting: Setting, run: Callable[[], Any]) -> float:
    """Time of one pass, which was prepared before the clock starts."""
    watch = Stopwatch(setting.place)
    with torch.inference_mode():
        watch.mark()
        run()
        watch.mark()
    return watch.seconds()[0]


Prepared = Callable[[int, int], Callable[[], Any]]
"""From the tokens of prompt and input to the pass."""


def llama_passes(network: Any) -> dict[str, Prepared]:
    """The stock model behind so many cached slots."""

    def behind(slots: int, tokens: int) -> Callable[[], Any]:
        ids, cache = token_ids(1, tokens, network), filled(DynamicCache(), network, 1, slots)
        return lambda: network(input_ids=ids, past_key_values=cache, use_cache=True)

    return {
        "no cache": lambda prompt, text: behind(0, prompt + text),
        "whole-prompt cache": behind,
        "gist": lambda prompt, text: behind(K, text),
    }


def t5_passes(network: Any) -> dict[str, Prepared]:
    """The adapter's encoder pass and first decoder token."""
    tokens = PromptTokenizer(word_tokenizer(), Template(), K, False)
    model = EncoderDecoderModel(network, tokens)
    [state] = model.encode([[5, 6, 7, *tokens.gists]], K)
    assert isinstance(state, EncoderState)

    def ids(length: int) -> list[int]:
        return [10 + place % 200 for place in range(length)]

    def whole(prompt: int, text: int) -> Callable[[], Any]:
        [before], after = model.whole([ids(prompt)]), ids(text)
        return lambda: model.run([before], [after])

    def gist(prompt: int, text: int) -> Callable[[], Any]:
        after = ids(text)
        return lambda: model.run([state], [after])

    return {"no cache": whole, "gist": gist}


def summary(
    setting: Setting, shape: ModelShape, lengths: Lengths, times: Times, rounds: int
) -> Iterator[Line]:
    """Mean over the prompts of each prompt's median, as the paper's table has means."""
    medians = {name: [median(values) for values in rows] for name, rows in times.items()}
    slowest = medians["no cache"]
    for name, values in medians.items():
        saved = median_interval([before - own for before, own in zip(slowest, values, strict=True)])
        yield {
            "shape": shape.name,
            "mode": name,
            "milliseconds": 1e3 * mean(values),
            "gflops": mean(flops(shape, name, *row) for row in lengths.rows) / 1e9,
            "saved_milliseconds": None if name == "no cache" else [1e3 * x for x in interval(saved)],
            "prompts": len(values),
            "rounds": rounds,
            "dtype": "bfloat16",
            "clock": clock_name(setting.place),
            "lengths": lengths.source,
        }


def interval(saved: Any) -> list[float]:
    """Median, and the ends of its 95% interval where there is one."""
    return [saved.median, *(saved.proven or ())]


def flops(shape: ModelShape, mode: str, prompt: int, text: int) -> int:
    """FLOPs by closed form, as the paper counts them."""
    assert shape.closed is not None
    cached = {"no cache": 0, "whole-prompt cache": prompt, "gist": K}[mode]
    return forward(shape.closed, text + (prompt if mode == "no cache" else 0), cached).total
